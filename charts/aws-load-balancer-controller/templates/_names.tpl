{{/* Names, labels and selectors. They are those of the existing chart: selectors of a Deployment can never change. */}}

{{- define "lbc.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "lbc.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{/* lbc.prefix is how the names of the webhooks' objects begin; the longest suffix has 21 characters. */}}
{{- define "lbc.prefix" -}}
{{ .Values.nameOverride | default (trimSuffix "-controller" .Chart.Name) | trunc 42 | trimSuffix "-" }}
{{- end }}

{{- define "lbc.serviceAccount" -}}
{{- if (.Values.serviceAccount).create -}}
{{ .Values.serviceAccount.name | default (include "lbc.fullname" .) }}
{{- else -}}
{{ (.Values.serviceAccount).name | default "default" }}
{{- end -}}
{{- end }}

{{- define "lbc.selectorLabels" -}}
app.kubernetes.io/name: {{ include "lbc.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "lbc.labels" -}}
{{- $labels := include "lbc.selectorLabels" . | fromYaml -}}
{{- if eq (.Values.creator | default "helm") "helm" -}}
{{- $_ := set $labels "app.kubernetes.io/managed-by" .Release.Service -}}
{{- $_ := set $labels "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- end -}}
{{- $_ := set $labels "app.kubernetes.io/version" .Chart.AppVersion -}}
{{- toYaml (mergeOverwrite (dict) (include "lbc.commonLabels" . | fromYaml) (.Values.additionalLabels | default dict) $labels) -}}
{{- end }}

{{/* lbc.commonLabels are texts, as labels must be. */}}
{{- define "lbc.commonLabels" -}}
{{- $labels := dict -}}
{{- range $name, $value := .Values.commonLabels }}{{ $_ := set $labels $name (include "lbc.scalar" $value) }}{{ end -}}
{{- toYaml $labels -}}
{{- end }}

{{- define "lbc.deploymentLabels" -}}
{{- $labels := dict -}}
{{- range $name, $value := .Values.deploymentLabels }}{{ $_ := set $labels $name (include "lbc.scalar" $value) }}{{ end -}}
{{- toYaml (mergeOverwrite $labels (include "lbc.labels" . | fromYaml)) -}}
{{- end }}

{{- define "lbc.podLabels" -}}
{{- toYaml (mergeOverwrite (dict) (include "lbc.commonLabels" . | fromYaml) (.Values.podLabels | default dict) (include "lbc.selectorLabels" . | fromYaml)) -}}
{{- end }}

{{/* lbc.podAnnotations has those by which Prometheus finds pods, unless a ServiceMonitor does. */}}
{{- define "lbc.podAnnotations" -}}
{{- $annotations := dict -}}
{{- $port := include "lbc.metricsPort" . -}}
{{- if and $port (not (.Values.serviceMonitor).enabled) -}}
{{- $annotations = dict "prometheus.io/scrape" "true" "prometheus.io/port" $port -}}
{{- if (.Values.metrics).secure }}{{ $_ := set $annotations "prometheus.io/scheme" "https" }}{{ end -}}
{{- end -}}
{{- with mergeOverwrite $annotations (.Values.podAnnotations | default dict) }}{{ toYaml . }}{{ end -}}
{{- end }}

{{- define "lbc.webhookService" -}}
{{ include "lbc.prefix" . }}-webhook-service
{{- end }}

{{/* lbc.tlsSecret has the certificate of cert-manager or of webhookTLS, which is mounted. */}}
{{- define "lbc.tlsSecret" -}}
{{ include "lbc.prefix" . }}-tls
{{- end }}

{{/*
lbc.ownSecret has the certificate that the controller issues. Its name is not that of lbc.tlsSecret: Helm deletes that one when the certificate of a
release comes from elsewhere, and refuses to install over an object that is not its own.
*/}}
{{- define "lbc.ownSecret" -}}
{{ (.Values.webhookCertificate).secretName | default (printf "%s-webhook-tls" (include "lbc.prefix" .)) }}
{{- end }}

{{- define "lbc.servingCertificate" -}}
{{ include "lbc.prefix" . }}-serving-cert
{{- end }}
