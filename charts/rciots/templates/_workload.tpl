{{/*
What the Pods of the three services have in common. Takes a dict: root, component, values (of the component), env,
ports, and where needed mounts and volumes, each as YAML text; checksums, what a change of restarts the Pods.
*/}}
{{- define "rciots.deployment" -}}
{{- $root := .root }}{{ $component := .component }}{{ $values := .values }}
apiVersion: apps/v1
kind: Deployment
metadata: {{- include "rciots.metadata" (list $root $component) | nindent 2 }}
spec:
  {{- if not (dig "autoscaling" "enabled" false $values) }}
  replicas: {{ $values.replicas }}
  {{- end }}
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxUnavailable: 0
      maxSurge: 1
  minReadySeconds: 5
  selector:
    matchLabels: {{- include "rciots.componentSelector" (list $root $component) | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "rciots.labels" $root | nindent 8 }}
        app.kubernetes.io/component: {{ $component }}
        {{- with $values.podLabels }}{{ toYaml . | nindent 8 }}{{ end }}
      annotations:
        # What is read from the environment is read once: another one restarts the Pods.
        checksum/config: {{ .env | sha256sum }}
        {{- range $name, $text := .checksums }}
        checksum/{{ $name }}: {{ $text | sha256sum }}
        {{- end }}
        {{- with $values.podAnnotations }}{{ toYaml . | nindent 8 }}{{ end }}
    spec:
      serviceAccountName: {{ include "rciots.name" $root }}-{{ $component }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      # Five seconds until everybody knows, the time to send devices and people elsewhere, and what stopping takes.
      terminationGracePeriodSeconds: {{ add $values.drainSeconds 35 }}
      {{- with $root.Values.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.priorityClassName }}
      priorityClassName: {{ . | quote }}
      {{- end }}
      securityContext: {{- include "rciots.podSecurity" . | nindent 8 }}
      topologySpreadConstraints:
        {{- if $values.topologySpreadConstraints }}
        {{- toYaml $values.topologySpreadConstraints | nindent 8 }}
        {{- else }}
        {{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
        - maxSkew: 1
          topologyKey: {{ $key }}
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: {{- include "rciots.componentSelector" (list $root $component) | nindent 14 }}
        {{- end }}
        {{- end }}
      containers:
        - name: {{ $component }}
          image: {{ include "rciots.image" (list $root $component) | quote }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          securityContext: {{- include "rciots.containerSecurity" . | nindent 12 }}
          env:
            {{- .env | trim | nindent 12 }}
            {{- with $values.extraEnv }}{{ toYaml . | nindent 12 }}{{ end }}
          ports:
            - name: internal
              containerPort: 8081
            {{- .ports | trim | nindent 12 }}
          startupProbe:
            httpGet: { path: /healthz, port: internal }
            periodSeconds: 2
            timeoutSeconds: 5
            # Indexes of a large database may take minutes to be made.
            failureThreshold: 150
          readinessProbe:
            httpGet: { path: /readyz, port: internal }
            periodSeconds: 5
            timeoutSeconds: 5
          livenessProbe:
            httpGet: { path: /healthz, port: internal }
            periodSeconds: 20
            timeoutSeconds: 5
          lifecycle:
            preStop:
              # Until everybody knows that this Pod takes no more; only then is it told to end.
              exec:
                command: [node, -e, "setTimeout(() => undefined, 5_000)"]
          resources: {{- toYaml $values.resources | nindent 12 }}
          volumeMounts:
            - name: tmp
              mountPath: /tmp
            {{- with .mounts | default "" | trim }}{{ . | nindent 12 }}{{ end }}
      volumes:
        - name: tmp
          emptyDir:
            sizeLimit: 256Mi
        {{- with .volumes | default "" | trim }}{{ . | nindent 8 }}{{ end }}
      {{- with $values.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.affinity }}
      affinity: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{- include "rciots.metadata" (list $root $component) | nindent 2 }}
automountServiceAccountToken: false
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{- include "rciots.metadata" (list $root $component) | nindent 2 }}
spec:
  # Never more than one at a time, and with a single replica a drain of its node isn't held up for good.
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "rciots.componentSelector" (list $root $component) | nindent 6 }}
{{- end }}

{{/* Any user but root; the image names one by number, and OpenShift another. */}}
{{- define "rciots.podSecurity" -}}
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "rciots.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Takes a dict: root, component, service (its values), ports as YAML text. */}}
{{- define "rciots.service" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "rciots.metadata" (list .root .component) | nindent 2 }}
  {{- with .service.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ .service.type }}
  {{- if ne .service.type "ClusterIP" }}
  # Keeps the client's address, which allow-lists and the audit log go by.
  externalTrafficPolicy: Local
  {{- with .service.loadBalancerSourceRanges }}
  loadBalancerSourceRanges: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  selector: {{- include "rciots.componentSelector" (list .root (.selects | default .component)) | nindent 4 }}
  ports: {{- .ports | trim | nindent 4 }}
{{- end }}
