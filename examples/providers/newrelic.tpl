# Metrics of New Relic, by NRQL, for the task `custommetrics`.
#
# Values:
#   newRelicURL   default https://insights-api.newrelic.com
#   accountID     number of the account, in quotes
#   queryKey      Insights query key, for example ${NEW_RELIC_QUERY_KEY}
#   app           name of the application
{{- $window := printf "SINCE %d seconds ago" (int .elapsedTimeSeconds) }}
url: {{ default "https://insights-api.newrelic.com" .newRelicURL }}/v1/accounts/{{ .accountID }}/query
provider: newrelic
method: GET
headers:
  X-Query-Key: {{ .queryKey | quote }}
metrics:
- name: request-count
  type: counter
  description: transactions in the window
  params:
  - name: nrql
    value: SELECT count(*) FROM Transaction WHERE appName = '{{ .app }}' {{ $window }}
  jqExpression: .results[0].count | tonumber
- name: error-rate
  type: gauge
  units: fraction
  description: share of the transactions in the window that failed
  params:
  - name: nrql
    value: SELECT percentage(count(*), WHERE error IS TRUE) FROM Transaction WHERE appName = '{{ .app }}' {{ $window }}
  jqExpression: .results[0].result / 100
- name: latency-mean
  type: gauge
  units: msec
  description: mean duration of the transactions in the window
  params:
  - name: nrql
    value: SELECT average(duration) FROM Transaction WHERE appName = '{{ .app }}' {{ $window }}
  jqExpression: .results[0].average * 1000
