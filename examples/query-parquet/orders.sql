SELECT
  order_id,
  upper(country) AS country,
  ordered,
  total,
  source.key AS file
FROM input, source
WHERE status <> 'cancelled'
ORDER BY country, order_id
