"""Notices: what people are told — in the site, by mail, to connected systems — by rule, once, and when it suits them."""
