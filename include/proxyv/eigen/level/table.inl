// Part of every level (see level/all.inl): its kernels as the drivers call them.

inline constexpr CpuKernels kernels{
    .panel_cols = panel_cols,
    .lanes = lanes,
    .pack_rows = &pack_rows,
    .pack_panel = &pack_panel,
    .pack_panel_plain = &pack_panel_plain,
    .pack_weight_panel = &pack_weight_panel,
    .tile = &kernel,
    .finish_tile = &finish_tile,
    .gate_tile = &gate_tile,
    .gemv = &gemv_part,
    .gemv_floats = &gemv_part<float>,
    .row_times_panels = &row_times_panels,
    .online_step = &online_step,
    .softmax_row = &softmax_row,
    .scale_row = &scale_row,
    .add_weighted_rows = &add_weighted_rows,
    .rms_norm_row = &rms_norm_row,
    .layer_norm_row = &layer_norm_row,
    .rotate_head = &rotate_head,
};
