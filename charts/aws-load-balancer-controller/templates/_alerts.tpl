{{/* The alert rules: files/alerts.yaml with the values of prometheusRule. */}}

{{/* lbc.runbook is the page that runbook_url of each alert points to: that of the version which this chart installs. */}}
{{- define "lbc.runbook" -}}
{{- with (.Values.prometheusRule).runbookURL }}{{ tpl . $ }}{{ else }}{{ printf "https://github.com/k8s-lbc/lbc/blob/%s/docs/tasks/monitoring.md" .Chart.AppVersion }}{{ end -}}
{{- end }}

{{/* lbc.checkAlerts refuses names in prometheusRule.alerts that no alert has, and the threshold of an alert that has none. */}}
{{- define "lbc.checkAlerts" -}}
{{- $known := dict -}}
{{- range (.Files.Get "files/alerts.yaml" | fromYaml).groups }}{{ range .rules }}{{ $_ := set $known .alert . }}{{ end }}{{ end -}}
{{- range $name, $given := (.Values.prometheusRule).alerts }}
{{- $rule := get $known $name -}}
{{- $given = $given | default dict -}}
{{- if eq $name "LBCOrphans" }}{{ continue }}{{ end -}}{{/* of earlier versions; NOTES.txt says that it has no effect */}}
{{- if not $rule -}}
{{- fail (printf "unknown alert %s in prometheusRule.alerts: the alerts are %s" $name (keys $known | sortAlpha | join ", ")) -}}
{{- end -}}
{{- if and (not (kindIs "invalid" $given.threshold)) (not (regexMatch "[<>] [0-9.]+$" $rule.expr)) -}}
{{- fail (printf "prometheusRule.alerts.%s has no threshold: what it watches is or is not so; set for, severity or enabled" $name) -}}
{{- end -}}
{{- end }}
{{- end }}

{{/* lbc.severalReplicas is whether the chart always runs more than one pod. */}}
{{- define "lbc.severalReplicas" -}}
{{- if .Values.autoscaling.enabled }}{{ gt (int .Values.autoscaling.minReplicas) 1 }}{{ else }}{{ gt (int .Values.replicaCount) 1 }}{{ end -}}
{{- end }}

{{/* lbc.alerts is the specification of the PrometheusRule. */}}
{{- define "lbc.alerts" -}}
{{- $root := . -}}
{{- $values := .Values.prometheusRule -}}
{{- $cluster := $values.clusterLabel | default "cluster" -}}
{{- $groups := list -}}
{{- range (.Files.Get "files/alerts.yaml" | fromYaml).groups }}
{{- $rules := list -}}
{{- range $rule := .rules }}
{{- $given := get ($values.alerts | default dict) $rule.alert | default dict -}}
{{- $enabled := $given.enabled -}}
{{- if and (kindIs "invalid" $enabled) (eq $rule.alert "LBCTooFewReplicas") }}{{ $enabled = include "lbc.severalReplicas" $root }}{{ end -}}
{{- if and (kindIs "invalid" $enabled) (eq $rule.alert "LBCNoLeader") (include "lbc.unelected" $root) }}{{ $enabled = false }}{{ end -}}
{{- if ne (toString $enabled) "false" -}}
{{- $_ := set $rule "expr" (regexReplaceAll "(\\b(?:by|on) \\(|\\{)cluster\\b" $rule.expr (printf "${1}%s" $cluster)) -}}
{{- if not (kindIs "invalid" $given.threshold) }}{{ $_ := set $rule "expr" (regexReplaceAll "[0-9.]+$" $rule.expr (include "lbc.scalar" $given.threshold)) }}{{ end -}}
{{- with $given.for }}{{ $_ := set $rule "for" . }}{{ end -}}
{{- with $given.severity }}{{ $_ := set $rule.labels "severity" . }}{{ end -}}
{{- range $name, $value := $values.alertLabels }}{{ $_ := set $rule.labels $name (include "lbc.scalar" $value) }}{{ end -}}
{{- range $name, $text := $rule.annotations }}{{ $_ := set $rule.annotations $name (replace "$labels.cluster" (printf "$labels.%s" $cluster) $text) }}{{ end -}}
{{- $_ := set $rule.annotations "runbook_url" (printf "%s#%s" (include "lbc.runbook" $root) (lower $rule.alert)) -}}
{{- $rules = append $rules $rule -}}
{{- end -}}
{{- end }}
{{- $groups = append $groups (dict "name" .name "rules" $rules) -}}
{{- end }}
{{- toYaml (dict "groups" $groups) -}}
{{- end }}
