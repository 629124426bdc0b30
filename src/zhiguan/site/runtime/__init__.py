"""Everything that starts, watches and stops the product on one machine; nothing here knows any business."""
