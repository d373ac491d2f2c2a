{{/* One agent for each namespace: its objects have fixed names, which the plain manifests share. */}}
{{- define "rciots-agent.labels" -}}
app.kubernetes.io/name: rciots-agent
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "rciots-agent.image" -}}
{{- .Values.image.reference | default (printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion)) }}
{{- end }}

{{- define "rciots-agent.labelList" -}}
{{- $pairs := list }}
{{- range $key, $value := .Values.labels }}{{ $pairs = append $pairs (printf "%s=%v" $key $value) }}{{ end }}
{{- join "," $pairs }}
{{- end }}
