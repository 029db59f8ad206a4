{{/* Rights that depend on values and on the cluster. */}}

{{/* lbc.extraArg is the last value of a flag in extraArgs; empty if it is not there. Argument: list . "flag". */}}
{{- define "lbc.extraArg" -}}
{{- $value := "" -}}
{{- $flag := printf "--%s=" (last .) -}}
{{- range (first .).Values.extraArgs }}{{ if hasPrefix $flag . }}{{ $value = trimPrefix $flag . }}{{ end }}{{ end -}}
{{- $value -}}
{{- end }}

{{/* lbc.lease is the name of the Lease by which replicas elect their leader, and lbc.leaseNamespace its namespace, where the controller has its objects. */}}
{{- define "lbc.lease" -}}
{{ include "lbc.extraArg" (list . "leader-election-id") | default "aws-load-balancer-controller-leader" }}
{{- end }}
{{- define "lbc.leaseNamespace" -}}
{{ include "lbc.extraArg" (list . "leader-election-namespace") | default .Release.Namespace }}
{{- end }}

{{/* lbc.unelected is not empty if the replicas elect no leader. */}}
{{- define "lbc.unelected" -}}
{{- if has (include "lbc.extraArg" (list . "enable-leader-election") | lower) (list "false" "f" "0") }}yes{{ end -}}
{{- end }}

{{/* lbc.checkpoints are the names of the ConfigMaps of checkpoints, which are part of their format. */}}
{{- define "lbc.checkpoints" -}}
{{- $base := printf "%s-checkpoint" (include "lbc.lease" . | trimSuffix "-leader") -}}
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
