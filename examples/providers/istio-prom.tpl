# Metrics of Istio's proxies, from Prometheus, for the task `custommetrics`.
#
# Values:
#   istioPromURL        default http://prometheus.istio-system:9090/api/v1/query
#   labels              map of label values, for example {destination_workload: checkout, reporter: destination}; at least
#                       one, or the metrics would be those of the whole mesh
#   latencyPercentiles  list, for example [50, 95, 99.9]
#   startingTime        RFC 3339; default the start of the run
#
# Unlike Iter8's template of this name, counts are of the window and not since the proxies began, percentiles are numbers
# (5 is the 5th, 99.9 works), and a window of no requests gives no errors, no error rate and no latency instead of 0 or NaN.
{{- if not .labels }}
  {{- fail "labels: there are none, and the metrics would be those of the whole mesh" }}
{{- end }}
{{- define "labels" }}
  {{- range $label, $value := .labels }}
    {{- if or (kindIs "map" $value) (kindIs "slice" $value) }}
      {{- fail (printf "labels: the value of %s is no text" $label) }}
    {{- end }}
    {{- if eq $label "response_code" }}
      {{- fail "labels: response_code is set by the metrics themselves" }}
    {{- end }}
    {{- $label }}={{ $value | toString | quote }},
  {{- end }}
{{- end }}
{{- define "requests" -}}
sum(increase(istio_requests_total{ {{- template "labels" . }}}[{{ .elapsedTimeSeconds }}s]))
{{- end }}
{{- define "errors" -}}
sum(increase(istio_requests_total{response_code=~"5..",{{ template "labels" . }}}[{{ .elapsedTimeSeconds }}s]))
{{- end }}
url: {{ default "http://prometheus.istio-system:9090/api/v1/query" .istioPromURL }}
provider: istio-prom
method: GET
metrics:
- name: request-count
  type: counter
  description: requests in the window
  params:
  - name: query
    value: |
      {{ template "requests" . }} or on() vector(0)
  jqExpression: .data.result[0].value[1] | tonumber
- name: error-count
  type: counter
  description: requests in the window that were answered with 5xx
  params:
  - name: query
    value: |
      ({{ template "errors" . }} or on() vector(0)) and on() {{ template "requests" . }} > 0
  jqExpression: .data.result[0].value[1] | tonumber
- name: error-rate
  type: gauge
  units: fraction
  description: share of the requests in the window that were answered with 5xx
  params:
  - name: query
    value: |
      ({{ template "errors" . }} or on() vector(0)) / {{ template "requests" . }}
  jqExpression: .data.result[0].value[1] | tonumber
- name: latency-mean
  type: gauge
  units: msec
  description: mean latency in the window
  params:
  - name: query
    value: |
      sum(increase(istio_request_duration_milliseconds_sum{ {{- template "labels" . }}}[{{ .elapsedTimeSeconds }}s]))
      / sum(increase(istio_request_duration_milliseconds_count{ {{- template "labels" . }}}[{{ .elapsedTimeSeconds }}s]))
  jqExpression: .data.result[0].value[1] | tonumber
{{- range $percentile := .latencyPercentiles }}
- name: latency-p{{ $percentile }}
  type: gauge
  units: msec
  description: {{ $percentile }}-th percentile of the latency in the window
  params:
  - name: query
    value: |
      histogram_quantile({{ $percentile }} / 100, sum(rate(istio_request_duration_milliseconds_bucket{ {{- template "labels" $ }}}[{{ $.elapsedTimeSeconds }}s])) by (le))
  jqExpression: .data.result[0].value[1] | tonumber
{{- end }}
