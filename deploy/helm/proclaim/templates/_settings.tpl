{{- /* The settings files; docs/reference/settings.md says what the keys mean. */}}
{{- define "proclaim.settings.controller" -}}
authority = "allocate"
ledger = "sqlite:///var/lib/proclaim/ledger.db"
{{- with .Values.loadBalancerClass }}
load_balancer_class = {{ . | toJson }}
{{- end }}

[k8s_source]
role = "controller"
lease_name = "{{ include "proclaim.fullname" . }}-controller"
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
{{- with .Values.controller.settings }}

{{ . | trim }}
{{- end }}
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

[bgp]
enabled = {{ $node.bgp.enabled }}
{{- with $node.bgp.listen }}
listen = {{ . | toJson }}
{{- end }}

[l2_arp]
enabled = {{ $node.layer2.enabled }}
{{- if not $node.excludeInterfaces.enabled }}
exclude_interfaces = ["^lo$"]
{{- end }}
{{- if $node.heartbeat.enabled }}

[l2_arp.heartbeat]
key_file = "/etc/proclaim-heartbeat/secretkey"
{{- end }}

[metrics]
listen = "{{ .Values.prometheus.listenAddress }}:{{ .Values.prometheus.metricsPort }}"
health_listen = "127.0.0.1:17472"
{{- with $node.settings }}

{{ . | trim }}
{{- end }}
{{ end }}
