"""The log's functions and triggers in the database (docs/trace.md, "In the database")."""

APPEND = """
CREATE FUNCTION trace_append(entry jsonb, detail jsonb, snapshot jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    new_id bigint := nextval(pg_get_serial_sequence('trace_entry', 'id'));
    mark jsonb := jsonb_build_object('id', new_id, 'entry_id', new_id);
BEGIN
    INSERT INTO trace_entry SELECT * FROM jsonb_populate_record(NULL::trace_entry, entry || mark);
    INSERT INTO trace_detail SELECT * FROM jsonb_populate_record(NULL::trace_detail, detail || mark);
    IF snapshot IS NOT NULL THEN
        INSERT INTO trace_snapshot SELECT * FROM jsonb_populate_record(NULL::trace_snapshot, snapshot || mark);
    END IF;
    INSERT INTO trace_pending VALUES (new_id);
    RETURN new_id;
END $$;
"""

SM3 = """
CREATE FUNCTION trace_sm3(message bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    low CONSTANT bigint := 4294967295;
    size int := length(message);
    padded bytea;
    v bigint[] := ARRAY[1937774191, 1226093241, 388252375, 3666478592, 2842636476, 372324522, 3817729613, 2969243214];
    w bigint[];
    a bigint; b bigint; c bigint; d bigint; e bigint; f bigint; g bigint; h bigint;
    x bigint; a12 bigint; t bigint; s1 bigint; t1 bigint; t2 bigint;
    base int; r int;
    result bytea := '';
BEGIN
    padded := message || '\\x80'::bytea
        || decode(repeat('00', (119 - size % 64) % 64), 'hex') || int8send(size::bigint * 8);
    FOR block IN 0 .. length(padded) / 64 - 1 LOOP
        base := block * 64;
        FOR j IN 0 .. 15 LOOP
            w[j] := (get_byte(padded, base + 4*j)::bigint << 24) | (get_byte(padded, base + 4*j + 1) << 16)
                | (get_byte(padded, base + 4*j + 2) << 8) | get_byte(padded, base + 4*j + 3);
        END LOOP;
        FOR j IN 16 .. 67 LOOP
            x := w[j-16] # w[j-9] # (((w[j-3] << 15) | (w[j-3] >> 17)) & low);
            w[j] := x # (((x << 15) | (x >> 17)) & low) # (((x << 23) | (x >> 9)) & low)
                # (((w[j-13] << 7) | (w[j-13] >> 25)) & low) # w[j-6];
        END LOOP;
        a := v[1]; b := v[2]; c := v[3]; d := v[4]; e := v[5]; f := v[6]; g := v[7]; h := v[8];
        FOR j IN 0 .. 63 LOOP
            a12 := ((a << 12) | (a >> 20)) & low;
            t := CASE WHEN j < 16 THEN 2043430169 ELSE 2055708042 END;
            r := j % 32;
            x := (a12 + e + (((t << r) | (t >> (32 - r))) & low)) & low;
            s1 := ((x << 7) | (x >> 25)) & low;
            IF j < 16 THEN
                t1 := (a # b # c) + d;
                t2 := (e # f # g) + h;
            ELSE
                t1 := ((a & b) | (a & c) | (b & c)) + d;
                t2 := ((e & f) | ((e # low) & g)) + h;
            END IF;
            t1 := (t1 + (s1 # a12) + (w[j] # w[j+4])) & low;
            t2 := (t2 + s1 + w[j]) & low;
            d := c;
            c := ((b << 9) | (b >> 23)) & low;
            b := a;
            a := t1;
            h := g;
            g := ((f << 19) | (f >> 13)) & low;
            f := e;
            e := t2 # (((t2 << 9) | (t2 >> 23)) & low) # (((t2 << 17) | (t2 >> 15)) & low);
        END LOOP;
        v := ARRAY[v[1] # a, v[2] # b, v[3] # c, v[4] # d, v[5] # e, v[6] # f, v[7] # g, v[8] # h];
    END LOOP;
    FOR j IN 1 .. 8 LOOP
        result := result || substring(int8send(v[j]) FROM 5);
    END LOOP;
    RETURN result;
END $$;
"""

# A commit extends the chain if nobody else is just doing so; otherwise it leaves its entries to whoever comes next.
# Waiting here would make every commit of the product wait for the disk write of the one before (docs/trace.md).
LINK = """
CREATE TABLE trace_pending (entry_id bigint PRIMARY KEY);

CREATE FUNCTION trace_extend_chain(most int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    last_seq bigint;
    last_hash bytea;
    message bytea;
    item record;
    done int := 0;
BEGIN
    SELECT seq, hash INTO last_seq, last_hash FROM trace_link ORDER BY seq DESC LIMIT 1;
    last_seq := COALESCE(last_seq, 0);
    last_hash := COALESCE(last_hash, decode(repeat('00', 32), 'hex'));
    FOR item IN
        SELECT e.id, e.algorithm, e.digest FROM trace_pending p JOIN trace_entry e ON e.id = p.entry_id
        ORDER BY p.entry_id LIMIT most
    LOOP
        last_seq := last_seq + 1;
        message := '\\x02'::bytea || int8send(last_seq) || last_hash || item.digest;
        INSERT INTO trace_link (seq, entry_id, prev_hash, hash)
        VALUES (last_seq, item.id, last_hash,
                CASE item.algorithm WHEN 'sm3' THEN trace_sm3(message) ELSE sha256(message) END)
        RETURNING hash INTO last_hash;
        DELETE FROM trace_pending WHERE entry_id = item.id;
        done := done + 1;
    END LOOP;
    RETURN done;
END $$;
REVOKE ALL ON FUNCTION trace_extend_chain(int) FROM PUBLIC;

CREATE FUNCTION trace_seal() RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(8828302713463305);
    RETURN trace_extend_chain(10000);
END $$;

CREATE FUNCTION trace_committing() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    -- An older snapshot than the lock would see an older end of the chain.
    IF current_setting('transaction_isolation') = 'read committed'
       AND EXISTS (SELECT FROM trace_pending WHERE entry_id = NEW.id)
       AND pg_try_advisory_xact_lock(8828302713463305) THEN
        PERFORM trace_extend_chain(500);
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER trace_committing AFTER INSERT ON trace_entry
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION trace_committing();
"""

REFUSE = """
CREATE FUNCTION trace_refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '痕迹记录只能追加，不能修改、删除或清空（%）', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION trace_refuse_bypass() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_user <> (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID) THEN
        RAISE EXCEPTION '痕迹记录只能经 trace_append 写入（%）', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
"""

TABLES = ("trace_entry", "trace_link", "trace_checkpoint", "trace_detail", "trace_snapshot")


def guards() -> str:
    """Refuse changes on every table (rows of the erasable two may be deleted by the owner), inserts past the door."""
    statements = []
    for table in TABLES:
        events = "UPDATE" if table in {"trace_detail", "trace_snapshot"} else "UPDATE OR DELETE"
        statements.append(
            f"CREATE TRIGGER trace_refuse_change BEFORE {events} ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION trace_refuse_change();"
            f"CREATE TRIGGER trace_refuse_truncate BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION trace_refuse_change();"
        )
        if table != "trace_checkpoint":
            statements.append(
                f"CREATE TRIGGER trace_refuse_bypass BEFORE INSERT ON {table}"
                " FOR EACH ROW EXECUTE FUNCTION trace_refuse_bypass();"
            )
    return "\n".join(statements)


SQL = APPEND + SM3 + LINK + REFUSE + guards()
REVERSE = """
DROP FUNCTION IF EXISTS trace_committing() CASCADE;
DROP FUNCTION IF EXISTS trace_seal();
DROP FUNCTION IF EXISTS trace_extend_chain(int);
DROP TABLE IF EXISTS trace_pending;
DROP FUNCTION IF EXISTS trace_refuse_change() CASCADE;
DROP FUNCTION IF EXISTS trace_refuse_bypass() CASCADE;
DROP FUNCTION IF EXISTS trace_append(jsonb, jsonb, jsonb);
DROP FUNCTION IF EXISTS trace_sm3(bytea);
"""
