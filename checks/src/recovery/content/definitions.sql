-- Every definition of a database, by class, counted and digested in an order that does not depend on when it was made.
WITH own_schemas AS (
  SELECT oid, nspname FROM pg_namespace
  WHERE nspname NOT IN ('pg_catalog', 'information_schema') AND nspname NOT LIKE 'pg\_toast%' AND nspname NOT LIKE 'pg\_temp%'
), of_extensions AS (
  SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), relations AS (
  SELECT c.*, n.nspname FROM pg_class c JOIN own_schemas n ON n.oid = c.relnamespace
  WHERE ('pg_class'::regclass, c.oid) NOT IN (SELECT classid, objid FROM of_extensions)
), definitions (class, definition) AS (
  SELECT 'column', concat_ws(' ', c.nspname, c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
    a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid))
  FROM relations c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
  UNION ALL SELECT 'index', pg_get_indexdef(c.oid) || i.indisvalid FROM relations c JOIN pg_index i ON i.indexrelid = c.oid
  UNION ALL SELECT 'constraint', concat_ws(' ', c.nspname, c.relname, k.conname, pg_get_constraintdef(k.oid), k.convalidated)
  FROM relations c JOIN pg_constraint k ON k.conrelid = c.oid
  UNION ALL SELECT 'trigger', pg_get_triggerdef(t.oid) || t.tgenabled::text
  FROM relations c JOIN pg_trigger t ON t.tgrelid = c.oid WHERE NOT t.tgisinternal
  UNION ALL SELECT 'policy', concat_ws(' ', c.nspname, c.relname, p.polname, pg_get_expr(p.polqual, p.polrelid))
  FROM relations c JOIN pg_policy p ON p.polrelid = c.oid
  UNION ALL SELECT 'view', concat_ws(' ', nspname, relname, pg_get_viewdef(oid)) FROM relations WHERE relkind IN ('v', 'm')
  UNION ALL SELECT 'owner and grants', concat_ws(' ', nspname, relname, pg_get_userbyid(relowner), relacl::text, relrowsecurity,
    relforcerowsecurity) FROM relations
  UNION ALL SELECT 'function', pg_get_functiondef(p.oid) FROM pg_proc p JOIN own_schemas n ON n.oid = p.pronamespace
  WHERE p.prokind IN ('f', 'p') AND ('pg_proc'::regclass, p.oid) NOT IN (SELECT classid, objid FROM of_extensions)
  UNION ALL SELECT 'label of an enum', concat_ws(' ', n.nspname, t.typname, e.enumlabel, e.enumsortorder)
  FROM pg_type t JOIN own_schemas n ON n.oid = t.typnamespace JOIN pg_enum e ON e.enumtypid = t.oid
  UNION ALL SELECT 'extension', extname || ' ' || extversion FROM pg_extension
  UNION ALL SELECT 'comment', concat_ws(' ', c.nspname, c.relname, s.objsubid, s.description)
  FROM relations c JOIN pg_description s ON s.objoid = c.oid AND s.classoid = 'pg_class'::regclass
)
SELECT class, count(*), md5(string_agg(definition, E'\n' ORDER BY definition COLLATE "C")) FROM definitions GROUP BY class
