"""Where every token stands and what it may see."""

import torch
from torch.nn.attention.flex_attention import create_block_mask

from decoder import rope_table


class Layout:
    """Positions, rotary tables and masks of the packed order [vision | newline | text].

    The text starts with the bos token at position 0; then come segments that all
    continue after the image and cannot see one another (one segment = one question).
    """

    def __init__(self, cfg, segment_lengths, device, flex=False):
        hw, crops = cfg.tokens_per_crop, cfg.crops
        stride = hw + 1
        vision = torch.cat([torch.arange(hw) + c * stride for c in range(crops)]) + 1
        # The reference places a sub-crop's newline one crop too early; released weights depend on it.
        newline = torch.tensor([hw] + [c * stride + hw for c in range(crops - 1)]) + 1
        self.image_end = 1 + crops * stride
        text = torch.cat([torch.zeros(1, dtype=torch.long)]
                         + [self.image_end + torch.arange(n) for n in segment_lengths])
        segment = torch.cat([torch.zeros(1, dtype=torch.long)]
                            + [torch.full((n,), i + 1) for i, n in enumerate(segment_lengths)])
        self.vision, self.newlines = len(vision), crops
        self.proxies = crops * cfg.proxies_per_crop
        proxy = torch.arange(self.proxies) + 1
        shared = torch.zeros(len(vision) + crops, dtype=torch.long)

        position = torch.cat([vision, newline, text])
        part = torch.cat([shared, segment])
        self.position, self.part = position.to(device), part.to(device)
        self.rope = rope_table(position, cfg).to(device)
        self.mask = self.build(position, position, part, part, None, None, device, flex)
        self.mask_text = self.build(position[self.vision:], position, part[self.vision:], part,
                                    None, None, device, flex)
        if cfg.proxyv:
            rest, rest_part = position[self.vision:], part[self.vision:]
            query = torch.cat([proxy, rest])
            key = torch.cat([vision, query])
            query_part = torch.cat([torch.zeros(self.proxies, dtype=torch.long), rest_part])
            key_part = torch.cat([shared[:self.vision], query_part])
            kind = torch.cat([torch.full((self.vision,), 0), torch.full((self.proxies,), 1),
                              torch.full((len(rest),), 2)])
            self.rope_proxy = rope_table(key, cfg).to(device)
            self.mask_proxy = self.build(query, key, query_part, key_part, kind[self.vision:], kind, device, flex)

    @staticmethod
    def build(query, key, query_part, key_part, query_kind, key_kind, device, flex):
        """A key is seen when it is not later and belongs to the image or to the same segment.

        Kinds (0 vision, 1 proxy, 2 text): proxies do not see vision, text does not see proxies.
        """
        seen = query[:, None] >= key[None, :]
        seen &= (key_part[None, :] == 0) | (key_part[None, :] == query_part[:, None])
        if query_kind is not None:
            seen &= ~((query_kind[:, None] == 1) & (key_kind[None, :] == 0))
            seen &= ~((query_kind[:, None] == 2) & (key_kind[None, :] == 1))
        seen = seen.to(device)
        if not flex:
            return seen
        return create_block_mask(lambda b, h, q, k: seen[q, k], None, None, len(query), len(key), device=device)
