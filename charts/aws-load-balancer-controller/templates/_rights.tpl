{{/* Rights that depend on values and on the cluster. */}}

{{/* lbc.checkpoints are the names of the ConfigMaps of checkpoints, which are part of their format. */}}
{{- define "lbc.checkpoints" -}}
{{- $base := "aws-load-balancer-controller-checkpoint" -}}
- {{ $base }}
{{- range $row := list (list "memory" 8) (list "observed" 16) (list "targets" 8) (list "duplicates" 1) (list "orphans" 1) (list "foreign" 1) (list "preceding" 1) (list "holds" 1) (list "journal" 8) }}
{{- range $n := until (last $row) }}
- {{ printf "%s-%s-%d" $base (first $row) $n }}
{{- end }}
{{- end }}
{{- end }}

{{/*
lbc.multiCluster is not empty if target groups are shared with other clusters: by the value, else by the TargetGroupBindings that Helm finds in the cluster. An
upgrade must not take away what a binding needs.
*/}}
{{- define "lbc.multiCluster" -}}
{{- if not (kindIs "invalid" .Values.multiClusterTargetGroups) -}}
{{- if .Values.multiClusterTargetGroups }}yes{{ end -}}
{{- else if .Capabilities.APIVersions.Has "elbv2.k8s.aws/v1beta1/TargetGroupBinding" -}}
{{- range (lookup "elbv2.k8s.aws/v1beta1" "TargetGroupBinding" "" "").items -}}
{{- if (.spec | default dict).multiClusterTargetGroup }}yes{{ end -}}
{{- end -}}
{{- end -}}
{{- end }}
