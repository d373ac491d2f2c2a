{{/* Variables of the services, by the names that their config.ts have. */}}
{{/* Takes (list root values-of-the-component). */}}
{{- define "rciots.env.common" -}}
{{- $root := first . -}}
- name: MONGODB_URI
  valueFrom: {{- include "rciots.secretKeyRef" (list $root $root.Values.mongodb.existingSecret "mongodb" "uri") | nindent 4 }}
- name: REDIS_URL
  valueFrom: {{- include "rciots.secretKeyRef" (list $root $root.Values.redis.existingSecret "redis" "url") | nindent 4 }}
- name: RCIOTS_HEALTH_PORT
  value: "8081"
- name: RCIOTS_DRAIN_SECONDS
  value: {{ (last .).drainSeconds | quote }}
- name: RCIOTS_EVENT_RETENTION
  value: {{ $root.Values.eventRetention | quote }}
- name: RCIOTS_CONNECTION_RETENTION
  value: {{ $root.Values.connectionRetention | quote }}
- name: RCIOTS_LOG_LEVEL
  value: {{ $root.Values.logLevel | quote }}
{{- end }}

{{- define "rciots.env.masterKey" -}}
- name: RCIOTS_MASTER_KEY
  valueFrom: {{- include "rciots.secretKeyRef" (list . .Values.keys.master.existingSecret "master-key" "key") | nindent 4 }}
{{- end }}

{{- define "rciots.env.urls" -}}
- name: RCIOTS_ENROLL_URL
  value: {{ include "rciots.url" (list . .Values.hosts.enroll) | quote }}
- name: RCIOTS_EDGE_URL
  value: {{ include "rciots.url" (list . .Values.hosts.edge) | quote }}
{{- end }}

{{/* What stands in the certificates that the platform's CA makes for enroll and edge; one list for both. */}}
{{- define "rciots.env.serverNames" -}}
{{- $service := printf "%s-enroll" (include "rciots.name" .) -}}
- name: RCIOTS_PUBLIC_HOST
  value: {{ .Values.hosts.enroll | quote }}
- name: RCIOTS_SERVER_NAMES
  value: {{ list .Values.hosts.edge $service (printf "%s.%s.svc" $service .Release.Namespace) | join "," | quote }}
{{- end }}

{{- define "rciots.env.deviceTls" -}}
{{- if include "rciots.deviceTlsSecret" . }}
- name: RCIOTS_TLS_CERT_FILE
  value: /etc/rciots/tls/tls.crt
- name: RCIOTS_TLS_KEY_FILE
  value: /etc/rciots/tls/tls.key
{{- end }}
{{- end }}

{{- define "rciots.env.enroll" -}}
{{ include "rciots.env.common" (list . .Values.enroll) }}
- name: RCIOTS_CA_KEY
  valueFrom: {{- include "rciots.secretKeyRef" (list . .Values.keys.ca.existingSecret "ca-key" "key") | nindent 4 }}
{{ include "rciots.env.urls" . }}
{{ include "rciots.env.serverNames" . }}
- name: RCIOTS_ENROLL_PORT
  value: "8443"
- name: RCIOTS_CERTIFICATE_LIFETIME
  value: {{ .Values.certificateLifetime | quote }}
- name: RCIOTS_ALLOW_SERVER_KEYS
  value: {{ .Values.allowServerKeys | quote }}
{{- include "rciots.env.deviceTls" . }}
{{- end }}

{{- define "rciots.env.connector" -}}
{{ include "rciots.env.common" (list . .Values.connector) }}
{{ include "rciots.env.masterKey" . }}
{{ include "rciots.env.serverNames" . }}
- name: POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
- name: RCIOTS_EDGE_PORT
  value: "8444"
- name: RCIOTS_RELAY_PORT
  value: "8082"
{{- if .Values.tunnels.ports }}
- name: RCIOTS_TUNNEL_PORTS
  value: {{ .Values.tunnels.ports | quote }}
- name: RCIOTS_TUNNEL_HOST
  value: {{ .Values.bindAddress | quote }}
{{- end }}
{{- include "rciots.env.deviceTls" . }}
{{- end }}

{{- define "rciots.env.frontend" -}}
{{ include "rciots.env.common" (list . .Values.frontend) }}
{{ include "rciots.env.masterKey" . }}
{{ include "rciots.env.urls" . }}
- name: RCIOTS_CONSOLE_URL
  value: {{ include "rciots.url" (list . .Values.hosts.console) | quote }}
- name: RCIOTS_CONSOLE_PORT
  value: "8080"
- name: RCIOTS_CONSOLE_HOST
  value: {{ .Values.bindAddress | quote }}
- name: RCIOTS_DATA_DIR
  value: /var/lib/rciots
- name: RCIOTS_ADMIN_PASSWORD
  valueFrom: {{- include "rciots.secretKeyRef" (list . .Values.admin.existingSecret "admin" "password") | nindent 4 }}
- name: RCIOTS_SIGNUP
  value: {{ .Values.signUp | quote }}
- name: RCIOTS_GIT_ALLOW_PRIVATE
  value: {{ .Values.gitAllowPrivate | quote }}
{{- if ne .Values.expose.type "none" }}
- name: RCIOTS_TRUST_PROXY
  value: "true"
{{- end }}
{{- with .Values.hosts.webTunnels }}
- name: RCIOTS_PROXY_DOMAIN
  value: {{ . | quote }}
{{- end }}
{{- with .Values.agentImage }}
- name: RCIOTS_AGENT_IMAGE
  value: {{ . | quote }}
{{- end }}
{{- with .Values.tunnels.ports }}
- name: RCIOTS_TUNNEL_PORTS
  value: {{ . | quote }}
{{- end }}
{{- if .Values.mail.existingSecret.name }}
- name: RCIOTS_SMTP_URL
  valueFrom: {{- include "rciots.secretKeyRef" (list . .Values.mail.existingSecret "mail" "url") | nindent 4 }}
- name: RCIOTS_MAIL_FROM
  value: {{ .Values.mail.from | quote }}
{{- end }}
{{- end }}
