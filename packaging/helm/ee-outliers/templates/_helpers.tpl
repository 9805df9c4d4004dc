{{- define "ee-outliers.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "ee-outliers.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "ee-outliers.labels" -}}
{{ include "ee-outliers.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* Pod of either mode; the command is `daemon` or `run`. */}}
{{- define "ee-outliers.pod" -}}
terminationGracePeriodSeconds: 45
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
containers:
  - name: ee-outliers
    image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    args:
      - {{ eq .Values.mode "daemon" | ternary "daemon" "run" }}
      - --config
      - /etc/ee-outliers/outliers.conf
      {{- if eq .Values.mode "daemon" }}
      - /etc/ee-outliers/http.conf
      {{- end }}
      - --use-cases
      - /etc/ee-outliers/use_cases/*.conf
      {{- range .Values.options }}
      - {{ . | quote }}
      {{- end }}
    {{- with .Values.clusterSecret }}
    envFrom:
      - secretRef:
          name: {{ . }}
    {{- end }}
    {{- if eq .Values.mode "daemon" }}
    ports:
      - name: http
        containerPort: 9597
    startupProbe:
      httpGet:
        path: /healthz
        port: http
      periodSeconds: 5
      failureThreshold: 24
    livenessProbe:
      httpGet:
        path: /healthz
        port: http
      periodSeconds: 30
      timeoutSeconds: 5
      failureThreshold: 4
    readinessProbe:
      httpGet:
        path: /readyz
        port: http
      periodSeconds: 15
    {{- end }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities:
        drop: [ALL]
    resources: {{- toYaml .Values.resources | nindent 6 }}
    volumeMounts:
      - name: config
        mountPath: /etc/ee-outliers
        readOnly: true
      - name: use-cases
        mountPath: /etc/ee-outliers/use_cases
        readOnly: true
      - name: state
        mountPath: /var/lib/ee-outliers
      - name: spill
        mountPath: /var/cache/ee-outliers
      {{- if and (eq .Values.mode "daemon") .Values.http.tokenSecret }}
      - name: token
        mountPath: /run/secrets/ee-outliers
        readOnly: true
      {{- end }}
volumes:
  - name: config
    configMap:
      name: {{ include "ee-outliers.name" . }}
  - name: use-cases
    configMap:
      name: {{ include "ee-outliers.name" . }}-use-cases
  - name: state
    persistentVolumeClaim:
      claimName: {{ .Values.state.existingClaim | default (include "ee-outliers.name" .) }}
  - name: spill
    emptyDir:
      sizeLimit: {{ .Values.spillSize }}
  {{- if and (eq .Values.mode "daemon") .Values.http.tokenSecret }}
  - name: token
    secret:
      secretName: {{ .Values.http.tokenSecret }}
      defaultMode: 0440
  {{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
