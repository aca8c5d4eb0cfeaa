# Metrics of Sysdig Monitor, by its data API, for the task `custommetrics`.
#
# Values:
#   sysdigURL   default https://app.sysdigcloud.com
#   token       API token, for example ${SYSDIG_TOKEN}
#   app         label `app` of the containers
{{- $filter := printf "kubernetes.pod.label.app = '%s'" .app }}
url: {{ default "https://app.sysdigcloud.com" .sysdigURL }}/api/data
provider: sysdig
method: POST
headers:
  Authorization: Bearer {{ .token }}
metrics:
- name: cpu-cores
  type: gauge
  units: cores
  description: mean of the processor cores used in the window
  body: |
    {{ dict "last" (int .elapsedTimeSeconds) "sampling" (int .elapsedTimeSeconds) "filter" $filter "metrics" (list (dict "id" "cpu.cores.used" "aggregations" (dict "time" "avg" "group" "sum"))) "dataSourceType" "container" "paging" (dict "from" 0 "to" 99) | toJson }}
  jqExpression: .data[0].d[0] | tonumber
- name: memory-bytes
  type: gauge
  units: bytes
  description: largest memory used in the window
  body: |
    {{ dict "last" (int .elapsedTimeSeconds) "sampling" (int .elapsedTimeSeconds) "filter" $filter "metrics" (list (dict "id" "memory.bytes.used" "aggregations" (dict "time" "max" "group" "sum"))) "dataSourceType" "container" "paging" (dict "from" 0 "to" 99) | toJson }}
  jqExpression: .data[0].d[0] | tonumber
