"""JT/T 808 vehicle terminal protocol, editions 2011, 2013 and 2019: frames, messages, builders. No Django, no input
or output.

From bytes: `Splitter` cuts a stream, `decode_frame` reads a frame, `Reassembler` joins packages, `decode_body` reads
a joined body,
`decode_location` and `bulk` are the fast paths. To bytes: `encode`. See docs/jt808.md.
"""

from .decode import Decoded, as_record, decode_body, decode_frame
from .frames import MAX_BODY, MAX_FRAME, Frame, Header, checksum, escape, parse_frame, parse_header, unescape
from .location import Location, decode_location, describe_location
from .problem import PROBLEMS, Problem
from .splitter import Missing, Reassembled, Reassembler, Splitter

__all__ = [
    "MAX_BODY",
    "MAX_FRAME",
    "PROBLEMS",
    "Decoded",
    "Frame",
    "Header",
    "Location",
    "Missing",
    "Problem",
    "Reassembled",
    "Reassembler",
    "Splitter",
    "as_record",
    "checksum",
    "decode_body",
    "decode_frame",
    "decode_location",
    "describe_location",
    "escape",
    "parse_frame",
    "parse_header",
    "unescape",
]
