{{- /*
The settings files; docs/reference/settings.md says what the keys mean.  What the values `settings`
say about a table is added at its end, and tables that are only there follow.
*/}}
{{- define "proclaim.more" -}}
{{- with get .settings .table }}
{{ trim . }}
{{- end }}
{{- end }}

{{- define "proclaim.others" -}}
{{- range $table, $lines := omit .settings "k8s_source" "bgp" "l2_arp" "l2_arp.heartbeat" "metrics" }}

[{{ $table }}]
{{ trim $lines }}
{{- end }}
{{- end }}

{{- define "proclaim.settings.controller" -}}
{{- $settings := .Values.controller.settings -}}
authority = "allocate"
ledger = "sqlite:///var/lib/proclaim/ledger.db"
{{- with .Values.loadBalancerClass }}
load_balancer_class = {{ . | toJson }}
{{- end }}

[k8s_source]
role = "controller"
lease_name = "{{ include "proclaim.fullname" . }}-controller"
{{- include "proclaim.more" (dict "settings" $settings "table" "k8s_source") }}
{{- if .Values.webhook.enabled }}

[k8s_source.webhook]
listen = "{{ .Values.prometheus.listenAddress }}:9443"
certificate = "/etc/proclaim-webhook/tls.crt"
key = "/etc/proclaim-webhook/tls.key"
{{- end }}

[bgp]
enabled = false

[l2_arp]
enabled = false

[metrics]
listen = "{{ .Values.prometheus.listenAddress }}:{{ .Values.prometheus.metricsPort }}"
health_listen = "{{ .Values.prometheus.listenAddress }}:17472"
{{- include "proclaim.more" (dict "settings" $settings "table" "metrics") }}
{{- include "proclaim.others" (dict "settings" $settings) }}
{{ end }}

{{- define "proclaim.settings.node" -}}
{{- $node := include "proclaim.node" . | fromYaml -}}
authority = "follow"
ledger = "sqlite:///var/lib/proclaim/ledger.db"
{{- with .Values.loadBalancerClass }}
load_balancer_class = {{ . | toJson }}
{{- end }}

[k8s_source]
role = "node"
{{- if $node.ignoreExcludeLB }}
ignore_exclude_lb = true
{{- end }}
{{- include "proclaim.more" (dict "settings" $node.settings "table" "k8s_source") }}

[bgp]
enabled = {{ $node.bgp.enabled }}
{{- with $node.bgp.listen }}
listen = {{ . | toJson }}
{{- end }}
{{- include "proclaim.more" (dict "settings" $node.settings "table" "bgp") }}

[l2_arp]
enabled = {{ $node.layer2.enabled }}
{{- if not $node.excludeInterfaces.enabled }}
exclude_interfaces = ["^lo$"]
{{- end }}
{{- include "proclaim.more" (dict "settings" $node.settings "table" "l2_arp") }}

[l2_arp.heartbeat]
enabled = {{ $node.layer2.enabled }}
{{- if $node.heartbeat.signed }}
key_file = "/etc/proclaim-heartbeat/secretkey"
{{- end }}
{{- include "proclaim.more" (dict "settings" $node.settings "table" "l2_arp.heartbeat") }}

[metrics]
listen = "{{ .Values.prometheus.listenAddress }}:{{ .Values.prometheus.metricsPort }}"
health_listen = "127.0.0.1:17472"
{{- include "proclaim.more" (dict "settings" $node.settings "table" "metrics") }}
{{- include "proclaim.others" (dict "settings" $node.settings) }}
{{ end }}
