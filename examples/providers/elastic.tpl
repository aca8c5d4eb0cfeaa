# Metrics of Elasticsearch, by aggregations, for the task `custommetrics`.
#
# Values:
#   elasticURL   for example https://elastic.example.com:9200
#   index        for example sales
#   user, password
#   app          field `app` of the documents
{{- $query := dict "bool" (dict "filter" (list (dict "term" (dict "app" .app)) (dict "range" (dict "@timestamp" (dict "gte" (printf "now-%ds" (int .elapsedTimeSeconds))))))) }}
url: {{ .elasticURL }}/{{ .index }}/_search
provider: elastic
method: POST
headers:
  Authorization: Basic {{ printf "%s:%s" .user .password | b64enc }}
metrics:
- name: sales-mean
  type: gauge
  units: EUR
  description: mean sale in the window
  body: |
    {{ dict "size" 0 "query" $query "aggs" (dict "sales" (dict "avg" (dict "field" "price"))) | toJson }}
  jqExpression: .aggregations.sales.value
- name: sales-count
  type: counter
  description: sales in the window
  body: |
    {{ dict "size" 0 "track_total_hits" true "query" $query | toJson }}
  jqExpression: .hits.total.value
