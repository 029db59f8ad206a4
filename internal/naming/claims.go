package naming

// ClaimsConfigMap is the name of the ConfigMap, in the namespace of a TargetGroupBinding, that lists the targets which this
// cluster registered in a target group shared among clusters.
func ClaimsConfigMap(binding string) string { return "aws-lbc-targets-" + binding }
