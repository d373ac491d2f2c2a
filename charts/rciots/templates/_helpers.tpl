{{- define "rciots.name" -}}
{{- if contains "rciots" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-rciots" (.Release.Name | trunc 33 | trimSuffix "-") }}{{ end }}
{{- end }}

{{- define "rciots.selector" -}}
app.kubernetes.io/name: rciots
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "rciots.labels" -}}
{{ include "rciots.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: rciots
{{- end }}

{{/* Takes (list root component). */}}
{{- define "rciots.metadata" -}}
{{- $root := first . }}{{ $component := last . -}}
name: {{ include "rciots.name" $root }}-{{ $component }}
namespace: {{ $root.Release.Namespace | quote }}
labels:
  {{- include "rciots.labels" $root | nindent 2 }}
  app.kubernetes.io/component: {{ $component }}
{{- end }}

{{- define "rciots.componentSelector" -}}
{{ include "rciots.selector" (first .) }}
app.kubernetes.io/component: {{ last . }}
{{- end }}

{{- define "rciots.image" -}}
{{- $root := first . -}}
{{ $root.Values.image.registry }}/rciots-{{ last . }}:{{ $root.Values.image.tag | default $root.Chart.AppVersion }}
{{- end }}

{{- define "rciots.isOpenshift" -}}
{{- if or (.Capabilities.APIVersions.Has "security.openshift.io/v1") (eq .Values.expose.type "route") }}true{{ end }}
{{- end }}

{{/* As devices and people see them: with the port where it isn't that of https. Takes (list root host). */}}
{{- define "rciots.url" -}}
{{- $port := int (first .).Values.publicPort -}}
https://{{ last . }}{{ if ne $port 443 }}:{{ $port }}{{ end }}
{{- end }}

{{/* Fails for what the schema can't tell: what belongs together. */}}
{{- define "rciots.check" -}}
{{- $_ := required "hosts.console is missing: the host name of the console, such as console.example.com" .Values.hosts.console }}
{{- $_ := required "hosts.enroll is missing: the host name at which devices enrol, such as enroll.example.com" .Values.hosts.enroll }}
{{- $_ := required "hosts.edge is missing: the host name that devices hold their connection to, such as edge.example.com" .Values.hosts.edge }}
{{- if ne (len (uniq (list .Values.hosts.console .Values.hosts.enroll .Values.hosts.edge))) 3 }}
{{- fail "hosts: console, enroll and edge need a host name each, since one port can't be all three" }}
{{- end }}
{{- if .Values.builtIn.enabled }}
{{- if or .Values.mongodb.existingSecret.name .Values.redis.existingSecret.name }}
{{- fail "builtIn.enabled brings a MongoDB and a Redis of its own: leave out mongodb.existingSecret and redis.existingSecret, or builtIn" }}
{{- end }}
{{- else if not (and .Values.mongodb.existingSecret.name .Values.redis.existingSecret.name) }}
{{- fail "There is no database: name Secrets in mongodb.existingSecret.name and redis.existingSecret.name, or set builtIn.enabled=true to try the platform" }}
{{- end }}
{{- if and (eq .Values.expose.type "gateway") (not (and .Values.expose.gateway.name .Values.expose.gateway.passthroughListener .Values.expose.gateway.consoleListener)) }}
{{- fail "expose.type gateway needs expose.gateway.name, passthroughListener and consoleListener" }}
{{- end }}
{{- if and .Values.mail.existingSecret.name (not .Values.mail.from) }}
{{- fail "mail.from is missing: the sender of mails, such as RCIoTS <no-reply@example.com>" }}
{{- end }}
{{- if .Values.deviceTlsSecret }}{{ if and .Values.certManager.issuer .Values.certManager.devices }}
{{- fail "deviceTlsSecret and certManager.devices both name a certificate for devices: leave one out" }}
{{- end }}{{ end }}
{{- $autoscaling := .Values.connector.autoscaling }}
{{- if and $autoscaling.enabled (gt (int $autoscaling.minReplicas) (int $autoscaling.maxReplicas)) }}
{{- fail "connector.autoscaling.minReplicas is larger than maxReplicas" }}
{{- end }}
{{- end }}

{{/* Name and key of a Secret that is given, or made by the Job; takes (list root given name key). */}}
{{- define "rciots.secretKeyRef" -}}
{{- $root := index . 0 }}{{ $given := index . 1 -}}
secretKeyRef:
  {{- if $given.name }}
  name: {{ $given.name | quote }}
  key: {{ $given.key | quote }}
  {{- else }}
  name: {{ include "rciots.name" $root }}-{{ index . 2 }}
  key: {{ index . 3 }}
  {{- end }}
{{- end }}

{{- define "rciots.deviceTlsSecret" -}}
{{- if .Values.deviceTlsSecret }}{{ .Values.deviceTlsSecret }}
{{- else if and .Values.certManager.issuer .Values.certManager.devices }}{{ include "rciots.name" . }}-devices-tls
{{- end }}
{{- end }}

{{- define "rciots.consoleTlsSecret" -}}
{{- if .Values.expose.consoleTlsSecret }}{{ .Values.expose.consoleTlsSecret }}
{{- else if and .Values.certManager.issuer .Values.certManager.console }}{{ include "rciots.name" . }}-console-tls
{{- end }}
{{- end }}

{{/* First and last port of tunnels; nothing where there are none. */}}
{{- define "rciots.tunnelPorts" -}}
{{- if .Values.tunnels.ports }}
{{- $ends := splitList "-" .Values.tunnels.ports }}
{{- $first := int (first $ends) }}{{ $last := int (last $ends) }}
{{- if or (gt $first $last) (gt $last 65535) (lt $first 1024) }}{{ fail "tunnels.ports must be ports from 1024 to 65535, such as 20000-20019" }}{{ end }}
{{- if gt (sub $last $first) 199 }}{{ fail "tunnels.ports: a Service has a line for each port; name at most 200" }}{{ end }}
{{- range untilStep $first (int (add1 $last)) 1 }}{{ . }} {{ end }}
{{- end }}
{{- end }}

{{- define "rciots.tls.mount" -}}
{{- if include "rciots.deviceTlsSecret" . }}
- name: device-tls
  mountPath: /etc/rciots/tls
  readOnly: true
{{- end }}
{{- end }}

{{- define "rciots.tls.volume" -}}
{{- with include "rciots.deviceTlsSecret" . }}
- name: device-tls
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
{{- end }}
{{- end }}
