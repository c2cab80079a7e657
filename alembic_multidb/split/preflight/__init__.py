"""All that can be known to stand in the way of a split before it begins: one small function a finding."""
