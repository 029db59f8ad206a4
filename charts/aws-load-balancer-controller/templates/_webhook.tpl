{{/* Parts of a webhook. Argument of each: dict "root" $ and what else its comment names. */}}

{{/* lbc.webhookClient is what every webhook has; "path" is its path. */}}
{{- define "lbc.webhookClient" -}}
{{- $certificate := include "lbc.certificate" .root | fromYaml -}}
clientConfig:
  {{- if eq $certificate.source "files" }}
  caBundle: {{ $certificate.ca }}
  {{- end }}
  service: {name: {{ include "lbc.webhookService" .root }}, namespace: {{ .root.Release.Namespace }}, path: {{ .path }}}
sideEffects: None
timeoutSeconds: 5
admissionReviewVersions: [v1]
{{- end }}

{{/* lbc.selector is a selector under "name", if the value "selector" has any condition. */}}
{{- define "lbc.selector" -}}
{{- $selector := .selector | default dict -}}
{{- if or $selector.matchExpressions $selector.matchLabels -}}
{{ .name }}:
  {{- with $selector.matchExpressions }}
  matchExpressions: {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with $selector.matchLabels }}
  matchLabels: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}

{{/*
lbc.notOurs is an object selector that leaves the objects of this release out, which are made before a webhook answers. "selector", if there is one, has
further matchExpressions and matchLabels.
*/}}
{{- define "lbc.notOurs" -}}
objectSelector:
  matchExpressions:
  - {key: app.kubernetes.io/name, operator: NotIn, values: [{{ include "lbc.name" .root }}]}
  {{- with (.selector | default dict).matchExpressions }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with (.selector | default dict).matchLabels }}
  matchLabels: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "lbc.webhookMetadata" -}}
name: {{ include "lbc.prefix" . }}-webhook
{{- if eq (include "lbc.certificate" . | fromYaml).source "cert-manager" }}
annotations:
  cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/{{ include "lbc.servingCertificate" . }}
{{- end }}
labels: {{- include "lbc.labels" . | nindent 2 }}
{{- end }}
