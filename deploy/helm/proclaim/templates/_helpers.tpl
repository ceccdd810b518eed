{{- define "proclaim.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "proclaim.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "proclaim.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "proclaim.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- /* What a pod is found by; never changes in the life of a release. */}}
{{- define "proclaim.selector" -}}
app.kubernetes.io/name: {{ include "proclaim.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "proclaim.labels" -}}
{{ include "proclaim.selector" . }}
app.kubernetes.io/part-of: proclaim
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* The values of MetalLB's speaker that mean the same here; a JSON list. */}}
{{- define "proclaim.speakerKeys" -}}
{{- list "affinity" "enabled" "excludeInterfaces" "ignoreExcludeLB" "labels" "livenessProbe" "logLevel" "nodeSelector" "podAnnotations" "priorityClassName" "readinessProbe" "resources" "runtimeClassName" "secretName" "serviceAccount" "tolerateMaster" "tolerations" "updateStrategy" | toJson }}
{{- end }}

{{- /* The values of the nodes, with those of MetalLB's speaker before them. */}}
{{- define "proclaim.node" -}}
{{- $node := deepCopy .Values.node }}
{{- $speaker := deepCopy .Values.speaker }}
{{- with $speaker.secretName }}
{{- $_ := set $speaker "heartbeat" (dict "secretName" . "create" false) }}
{{- end }}
{{- range $key := append (include "proclaim.speakerKeys" . | fromJsonArray) "heartbeat" }}
{{- if and (hasKey $speaker $key) (ne $key "secretName") }}
{{- $node = mergeOverwrite $node (pick $speaker $key) }}
{{- end }}
{{- end }}
{{- toYaml $node }}
{{- end }}

{{- /* MetalLB's names of levels, in ours. */}}
{{- define "proclaim.logLevel" -}}
{{- get (dict "all" "debug" "warn" "warning" "none" "error") . | default . }}
{{- end }}

{{- define "proclaim.image" -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end }}

{{- define "proclaim.serviceAccount" -}}
{{- $default := printf "%s-%s" (include "proclaim.fullname" .root) .component }}
{{- if .values.serviceAccount.create }}
{{- default $default .values.serviceAccount.name }}
{{- else }}
{{- default "default" .values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "proclaim.heartbeatSecret" -}}
{{- $node := include "proclaim.node" . | fromYaml }}
{{- default (printf "%s-heartbeat" (include "proclaim.fullname" .)) $node.heartbeat.secretName }}
{{- end }}

{{- define "proclaim.webhookSecret" -}}
{{- default (printf "%s-webhook" (include "proclaim.fullname" .)) .Values.webhook.secretName }}
{{- end }}

{{- define "proclaim.environment" -}}
- name: PROCLAIM_LOG
  value: {{ include "proclaim.logLevel" . }}
- name: PROCLAIM_NODE
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: POD_UID
  valueFrom:
    fieldRef:
      fieldPath: metadata.uid
{{- end }}

{{- /* A probe; `host` where the pod is on the host's network. */}}
{{- define "proclaim.probe" -}}
httpGet:
  {{- with .host }}
  host: {{ . }}
  {{- end }}
  path: {{ .path }}
  port: health
{{ omit .values "enabled" | toYaml }}
{{- end }}

{{- /* The labels of a pod.  With those of MetalLB's pods, it would find itself and never start. */}}
{{- define "proclaim.podLabels" -}}
{{- $labels := merge (include "proclaim.selector" . | fromYaml) (default dict .values.labels) }}
{{- range $label := list "app" "app.kubernetes.io/name" }}
{{- if eq (get $labels $label | toString) "metallb" }}
{{- printf "the %s's pods would have the label %s=metallb, and Proclaim takes such pods for MetalLB, beside which it never begins: choose another nameOverride or label" $.component $label | fail }}
{{- end }}
{{- end }}
{{- toYaml $labels }}
{{- end }}

{{- define "proclaim.podAnnotations" -}}
checksum/settings: {{ include (printf "proclaim.settings.%s" .component) .root | sha256sum }}
{{- if .root.Values.prometheus.scrapeAnnotations }}
prometheus.io/scrape: "true"
prometheus.io/port: {{ .root.Values.prometheus.metricsPort | quote }}
{{- end }}
{{- with .values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* The rules of both roles that are the same. */}}
{{- define "proclaim.watching" -}}
- apiGroups: [metallb.io]
  resources:
    - bfdprofiles
    - bgpadvertisements
    - bgppeers
    - communities
    - configurationstates
    - ipaddresspools
    - l2advertisements
  verbs: [get, list, watch]
{{- end }}
