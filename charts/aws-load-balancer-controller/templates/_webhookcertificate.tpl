{{/*
lbc.certificate is where the certificate of the webhooks comes from, as YAML: source (cert-manager, files or controller) and, of files, ca, cert and
key in base64. Files are those of webhookTLS, or with keepTLSSecret the Secret that is in the cluster. No certificate is made while templates render.
*/}}
{{- define "lbc.certificate" -}}
{{- $tls := .Values.webhookTLS | default dict -}}
{{- $given := 0 -}}
{{- range list "caCert" "cert" "key" }}{{ if get $tls . }}{{ $given = add1 $given }}{{ end }}{{ end -}}
{{- if and $given (ne (int $given) 3) -}}
{{- fail "webhookTLS needs caCert, cert and key, all three: set the missing ones, or none to have the controller issue the certificate" -}}
{{- end -}}
{{- if and $given .Values.enableCertManager -}}
{{- fail "webhookTLS and enableCertManager both provide the certificate of the webhooks: set one of them" -}}
{{- end -}}
{{- if .Values.enableCertManager -}}
source: cert-manager
{{- else if $given -}}
source: files
ca: {{ b64enc $tls.caCert }}
cert: {{ b64enc $tls.cert }}
key: {{ b64enc $tls.key }}
{{- else -}}
{{- $kept := dict -}}
{{- if .Values.keepTLSSecret -}}
{{- $kept = ((lookup "v1" "Secret" .Release.Namespace (include "lbc.tlsSecret" .)) | default dict).data | default dict -}}
{{- end -}}
{{- if and (get $kept "ca.crt") (get $kept "tls.crt") (get $kept "tls.key") -}}
source: files
ca: {{ get $kept "ca.crt" }}
cert: {{ get $kept "tls.crt" }}
key: {{ get $kept "tls.key" }}
{{- else -}}
source: controller
{{- end -}}
{{- end -}}
{{- end }}
