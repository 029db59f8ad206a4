package lab

// Configuration is a TargetGroupConfiguration of Service web, as text.
func Configuration(name, spec string) string {
	return "TargetGroupConfiguration shop/" + name + " {spec: {targetReference: {name: web}, defaultConfiguration: {" +
		spec + "}}}"
}
