// Nothing: the target of this file only holds the precompiled header that the test programs share.
