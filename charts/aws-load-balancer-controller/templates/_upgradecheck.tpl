{{/* The check before an upgrade. */}}

{{/* lbc.checkLabels are those of its objects and its pod, which no selector of the controller's pods selects. */}}
{{- define "lbc.checkLabels" -}}
{{- $labels := include "lbc.labels" . | fromYaml -}}
{{- $_ := set $labels "app.kubernetes.io/name" (printf "%s-upgrade-check" (include "lbc.name" . | trunc 49 | trimSuffix "-")) -}}
{{- toYaml $labels -}}
{{- end }}

{{/* lbc.env is the environment in which AWS is reached, as a YAML list; empty if there is none. */}}
{{- define "lbc.env" -}}
{{- $env := list -}}
{{- range $name, $value := .Values.env }}{{ $env = append $env (dict "name" $name "value" (include "lbc.scalar" $value)) }}{{ end -}}
{{- with .Values.envSecretName -}}
{{- $env = append $env (dict "name" "AWS_ACCESS_KEY_ID" "valueFrom" (dict "secretKeyRef" (dict "name" . "key" "key_id" "optional" true))) -}}
{{- $env = append $env (dict "name" "AWS_SECRET_ACCESS_KEY" "valueFrom" (dict "secretKeyRef" (dict "name" . "key" "access_key" "optional" true))) -}}
{{- end -}}
{{- if $env }}{{ toYaml $env }}{{ end -}}
{{- end }}
