{{/*
lbc.checkValues refuses names that values.yaml does not have, with the name that is meant, and arguments that a value sets. The schema, which Helm
holds values to before templates render, checks what values may be and leaves their names to this template: it can name no other in its place.
*/}}
{{- define "lbc.checkValues" -}}
{{- $known := .Files.Get "files/names.yaml" | fromYaml -}}
{{- include "lbc.checkNames" (dict "values" .Values "known" $known "all" $known "path" "") -}}
{{- include "lbc.checkAlerts" . -}}
{{- include "lbc.checkImage" . -}}
{{- range $arg := .Values.extraArgs }}
{{- if not (hasPrefix "--" $arg) }}{{ fail (printf "extraArgs: %q is no flag: write --name=value in one item" $arg) }}{{ end -}}
{{- range $row := $.Files.Get "files/flags.yaml" | fromYamlArray }}
{{- if eq (first (splitList "=" $arg)) (printf "--%s" $row.flag) }}{{ fail (printf "extraArgs: %s is set by the value %s" $arg $row.value) }}{{ end -}}
{{- end }}
{{- range $own := include "lbc.ownArgs" $ | fromYamlArray }}
{{- if eq (first (splitList "=" $arg)) (first (splitList "=" $own)) }}{{ fail (printf "extraArgs: the chart sets %s: change the value that it comes from" $own) }}{{ end -}}
{{- end }}
{{- end }}
{{- if and (include "lbc.unelected" .) (gt (int (include "lbc.maxReplicas" .)) 1) -}}
{{- fail "extraArgs: --enable-leader-election=false lets each replica write to AWS: remove the flag, or set replicaCount to 1" -}}
{{- end }}
{{- end }}

{{/* lbc.checkNames checks one map of values. "known" has its names, each with null or a map of names below it. */}}
{{- define "lbc.checkNames" -}}
{{- $known := .known -}}
{{- range $name, $value := .values }}
{{- $path := printf "%s%s" $.path $name -}}
{{- if not (hasKey $known $name) -}}
{{- $meant := include "lbc.meant" (dict "name" $name "path" $.path "known" $known "all" $.all) -}}
{{- fail (printf "unknown value %s: %s" $path (ternary (printf "did you mean %s?" $meant) "values.yaml of this chart has all names" (ne $meant ""))) -}}
{{- end -}}
{{- if and (kindIs "map" (get $known $name)) (kindIs "map" $value) -}}
{{- include "lbc.checkNames" (dict "values" $value "known" (get $known $name) "all" $.all "path" (printf "%s." $path)) -}}
{{- end -}}
{{- end }}
{{- end }}

{{/*
lbc.meant is the path of a known value whose name is like "name": the same letters in another case or with one edit, of those beside it and then of those
at other places.
*/}}
{{- define "lbc.meant" -}}
{{- $wanted := include "lbc.variants" .name | fromJson -}}
{{- $meant := "" -}}
{{- range $name, $ignored := .known }}
{{- if and (eq $meant "") (include "lbc.alike" (dict "a" $wanted "b" $name)) }}{{ $meant = printf "%s%s" $.path $name }}{{ end -}}
{{- end }}
{{- range $name, $below := .all }}
{{- if and (eq $meant "") (include "lbc.alike" (dict "a" $wanted "b" $name)) }}{{ $meant = $name }}{{ end -}}
{{- if kindIs "map" $below }}
{{- range $inner, $ignored := $below }}
{{- if and (eq $meant "") (include "lbc.alike" (dict "a" $wanted "b" $inner)) }}{{ $meant = printf "%s.%s" $name $inner }}{{ end -}}
{{- end }}
{{- end }}
{{- end }}
{{- $meant -}}
{{- end }}

{{/* lbc.alike is not empty if a name "b" has a variant in common with the variants "a". */}}
{{- define "lbc.alike" -}}
{{- $alike := "" -}}
{{- range $v, $ignored := include "lbc.variants" .b | fromJson }}{{ if hasKey $.a $v }}{{ $alike = "yes" }}{{ end }}{{ end -}}
{{- $alike -}}
{{- end }}

{{/* lbc.variants are a name in lower case, and the same without each one of its letters, as the names of a JSON object. */}}
{{- define "lbc.variants" -}}
{{- $s := . | lower | replace "-" "" | replace "_" "" -}}
{{- $all := dict $s "" -}}
{{- range $i := until (len $s) }}{{ $_ := set $all (printf "%s%s" (substr 0 $i $s) (substr (int (add1 $i)) (len $s) $s)) "" }}{{ end -}}
{{- toJson $all -}}
{{- end }}
