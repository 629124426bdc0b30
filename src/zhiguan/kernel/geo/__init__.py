"""Places: datum conversion, distances, geofences and the 16 districts of Shanghai. No tables; callers use `service`.

Everything inside Zhiguan is WGS84 (EPSG:4326). GCJ-02 and BD-09 exist only at the edge, on the way in or out.
"""
