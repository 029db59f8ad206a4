{{/* Arguments of the controller. */}}

{{/* lbc.value is the value of a dotted path as JSON; null if there is none. Argument: dict "values" .Values "path" "a.b". */}}
{{- define "lbc.value" -}}
{{- $at := .values -}}
{{- range splitList "." .path -}}
{{- if kindIs "map" $at }}{{ $at = get $at . }}{{ else }}{{ $at = "" }}{{ end -}}
{{- end -}}
{{- toJson $at -}}
{{- end }}

{{/* lbc.scalar writes a number without exponent and everything else as it is. */}}
{{- define "lbc.scalar" -}}
{{- if kindIs "string" . }}{{ . }}{{ else }}{{ toJson . }}{{ end -}}
{{- end }}

{{/* lbc.item is an item of a list in a flag; flags are read as records of CSV. */}}
{{- define "lbc.item" -}}
{{- if regexMatch "[,\"\n]" . }}"{{ replace "\"" "\"\"" . }}"{{ else }}{{ . }}{{ end -}}
{{- end }}

{{/* lbc.pairs is a map as k=v,k=v. */}}
{{- define "lbc.pairs" -}}
{{- $pairs := list -}}
{{- range $k, $v := . }}{{ $pairs = append $pairs (include "lbc.item" (printf "%s=%s" $k (include "lbc.scalar" $v))) }}{{ end -}}
{{- join "," $pairs -}}
{{- end }}

{{/* lbc.args are the arguments as a YAML list, and lbc.ownArgs those that the chart sets. */}}
{{- define "lbc.args" -}}
{{- toYaml (concat (include "lbc.ownArgs" . | fromYamlArray) (.Values.extraArgs | default list)) -}}
{{- end }}
{{- define "lbc.ownArgs" -}}
{{- $root := . -}}
{{- $args := list (printf "--cluster-name=%s" (tpl (required "Chart cannot be installed without a valid clusterName!" .Values.clusterName) .)) -}}
{{- range $row := .Files.Get "files/flags.yaml" | fromYamlArray -}}
{{- $v := (include "lbc.value" (dict "values" $root.Values "path" $row.value) | printf "{\"v\":%s}" | fromJson).v -}}
{{- $text := "" -}}
{{- $set := true -}}
{{- if kindIs "invalid" $v }}{{ $set = false -}}
{{- else if eq $row.as "bool" }}{{ $set = kindIs "bool" $v }}{{ $text = toString $v -}}
{{- else if eq $row.as "template" }}{{ $text = tpl (include "lbc.scalar" $v) $root -}}
{{- else if kindIs "map" $v }}{{ $text = include "lbc.pairs" $v -}}
{{- else if kindIs "slice" $v }}
{{- $items := list -}}
{{- range $v }}{{ $items = append $items (include "lbc.scalar" .) }}{{ end -}}
{{- $text = join "," $items -}}
{{- else }}{{ $text = include "lbc.scalar" $v -}}
{{- end -}}
{{- if and $set (or $text $row.empty) }}{{ $args = append $args (printf "--%s=%s" $row.flag $text) }}{{ end -}}
{{- end -}}
{{- with .Values.defaultTargetType }}{{ if ne . "instance" }}{{ $args = append $args (printf "--default-target-type=%s" .) }}{{ end }}{{ end -}}
{{- if eq (include "lbc.certificate" . | fromYaml).source "controller" -}}
{{- $args = append $args (printf "--webhook-cert-secret=%s" (include "lbc.ownSecret" .)) -}}
{{- $args = append $args (printf "--webhook-configurations=%s-webhook" (include "lbc.prefix" .)) -}}
{{- end -}}
{{- if include "lbc.metricsCertSecret" . }}{{ $args = append $args "--metrics-cert-dir=/tmp/k8s-metrics-server/serving-certs" }}{{ end -}}
{{- toYaml $args -}}
{{- end }}

{{/* lbc.metricsPort is the port of the metrics; empty if they are off. */}}
{{- define "lbc.metricsPort" -}}
{{- $addr := "" -}}
{{- if not (kindIs "invalid" .Values.metricsBindAddr) }}{{ $addr = include "lbc.scalar" .Values.metricsBindAddr }}{{ end -}}
{{- if eq $addr "" }}8080{{ else if ne $addr "0" }}{{ regexFind "[0-9]+$" $addr }}{{ end -}}
{{- end }}

{{/* lbc.metricsCertSecret is the Secret with the certificate of the metrics; empty if they have none of a Secret. */}}
{{- define "lbc.metricsCertSecret" -}}
{{- with .Values.metrics }}{{ if and .secure (not (include "lbc.metricsPort" $)) -}}
{{- fail "metrics.secure needs metrics, which metricsBindAddr 0 turns off: remove one of them" -}}
{{- end }}
{{- if and .certSecret (not .secure) }}{{ fail "metrics.certSecret has no effect without metrics.secure: set metrics.secure to true" }}{{ end -}}
{{- with .certSecret }}{{ . }}{{ end -}}
{{- end -}}
{{- end }}

{{/*
lbc.replicas is the number of pods that the values ask for. With an autoscaler it is the higher one of replicaCount, which has no other effect then, and
minReplicas.
*/}}
{{- define "lbc.replicas" -}}
{{- $n := 2 -}}
{{- if not (kindIs "invalid" .Values.replicaCount) }}{{ $n = int .Values.replicaCount }}{{ end -}}
{{- if (.Values.autoscaling).enabled }}{{ $n = max $n (int (.Values.autoscaling.minReplicas | default 1)) }}{{ end -}}
{{- $n -}}
{{- end }}

{{/* lbc.maxReplicas is the largest number of pods. */}}
{{- define "lbc.maxReplicas" -}}
{{- if not (.Values.autoscaling).enabled }}{{ include "lbc.replicas" . }}
{{- else -}}
{{- $least := int (.Values.autoscaling.minReplicas | default 1) -}}
{{- $most := int (required "autoscaling.enabled needs autoscaling.maxReplicas: set the largest number of pods" .Values.autoscaling.maxReplicas) -}}
{{- if lt $most (max 1 $least) }}{{ fail (printf "autoscaling.maxReplicas %d is less than %d, autoscaling.minReplicas: set a higher one" $most (max 1 $least)) }}{{ end -}}
{{- $most -}}
{{- end -}}
{{- end }}
