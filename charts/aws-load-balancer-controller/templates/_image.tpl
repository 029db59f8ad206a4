{{/* The image of the controller. */}}

{{/*
lbc.image is the name of the image. A registry is the first part of a repository, if it has a dot or a port, or is localhost, as container runtimes read it.
*/}}
{{- define "lbc.image" -}}
{{- $repository := .Values.image.repository -}}
{{- with (.Values.global | default dict).imageRegistry -}}
{{- $parts := splitList "/" $repository -}}
{{- if and (gt (len $parts) 1) (or (regexMatch "[.:]" (first $parts)) (eq (first $parts) "localhost")) }}{{ $parts = rest $parts }}{{ end -}}
{{- $repository = printf "%s/%s" (trimSuffix "/" .) (join "/" $parts) -}}
{{- end -}}
{{- $image := printf "%s:%s" $repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- with .Values.image.digest }}{{ $image = printf "%s@%s" $image . }}{{ end -}}
{{- $image -}}
{{- end }}

{{/*
lbc.checkImage refuses images of the existing controller, which end at once with this chart's arguments: its repositories, also behind a mirror, and the
tags of its versions.
*/}}
{{- define "lbc.checkImage" -}}
{{- $remedy := "Set image.repository and image.tag to an image of this controller, which docs/install.md says how to build; not with --reuse-values, which keeps the old chart's image" -}}
{{- $repository := regexReplaceAll "[:@][^/]*$" (.Values.image.repository | lower) "" -}}
{{- if or (regexMatch "(^|/)(amazon|eks)/aws-load-balancer-controller(-linux)?(-(amd64|arm64))?$" $repository) (hasSuffix "aws-alb-ingress-controller" $repository) -}}
{{- fail (printf "image.repository %s has the image of the existing controller, which does not know the arguments of this chart. %s" .Values.image.repository $remedy) -}}
{{- end -}}
{{- $tag := .Values.image.tag | default (regexFind ":[^:/@]+(@[^/]*)?$" .Values.image.repository | trimPrefix ":") -}}
{{- if and (regexMatch "^[vV]?[23][.]" $tag) (regexMatch "^v?[01][.]" .Chart.AppVersion) -}}
{{- fail (printf "image.tag %s is a version of the existing controller, whose image does not know the arguments of this chart. %s" $tag $remedy) -}}
{{- end -}}
{{- end }}
