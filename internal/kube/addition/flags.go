package addition

// flags are the flags that the existing controller does not have, and the feature gates. It ends at its start with an
// unknown flag or gate: remove them from the Deployment in the same edit that changes the image. Helm does so where the
// chart's values set them.
func flags() (out []Row) {
	for _, f := range flagRows {
		out = append(out, Row{Sort: Flag, Name: f.name, Effect: f.effect, After: f.after, Before: "Remove --" + f.name +
			" in the same edit that changes the image: the existing controller does not start with an unknown flag."})
	}
	return append(out, Row{Sort: Gate, Name: "AutoGatewayAPI", Effect: Changed, After: "The existing controller does " +
		"not manage Gateways whose GatewayClass has controllerName gateway.k8s.aws/auto.",
		Before: "Remove the gate from --feature-gates in the same edit that changes the image: the existing controller " +
			"does not start with an unknown gate."})
}

// flagRows are the flags with what is without them.
var flagRows = []struct {
	name   string
	effect Effect
	after  string
}{
	{FlagName, Ignored, "The existing controller has no additions to refuse."},
	{"object-labels", Ignored, "Objects that this controller created keep the labels."},
	{"copied-labels", Ignored, "Objects that this controller created keep the labels."},
	{"strict-groups", Ignored, "The existing controller always stops a group with an invalid member."},
	{"default-ip-address-type", Changed,
		"Load balancers whose objects declare no IP address type become ipv4 again: declare the type on each object first."},
	{"deletion-brake", Changed, "Deletions have no limit."},
	{"deregistration-brake", Changed, "Deregistrations have no limit."},
	{"delete-orphans-after", Ignored, "No effect here either."},
	{"assumable-roles", Changed, "TargetGroupBindings may name every role that the controller's role may assume."},
	{"existing-load-balancers", Changed, "Objects do not share or adopt load balancers of other owners."},
	{"bindable-target-groups", Changed, "TargetGroupBindings may name every target group."},
	{"binding-networking", Changed, "TargetGroupBindings may open any port to any source."},
	{"external-target-groups", Changed, "Rules and listeners may forward to every target group."},
	{"cross-namespace-target-groups", Changed, "Rules and listeners may forward to target groups of other namespaces, " +
		"and TargetGroupBindings may share these target groups."},
	{"endpoints-without-pods", Changed, "EndpointSlices may name any address as a target."},
	{"node-security-group", Changed,
		"The tags of security groups decide which security group gets the rules of nodes and pods: exactly one security " +
			"group of each network interface needs the cluster's tag."},
	{"max-rules-per-security-group", Ignored, "AWS refuses rules beyond the quota."},
	{"exclude-ip-targets-by-node-label", Changed, "Pods on nodes with the label " +
		"node.kubernetes.io/exclude-from-external-load-balancers are targets again."},
	{"enable-node-drain-condition", Ignored, "No effect here either."},
	{"open-readiness-gates-after", Ignored, "Readiness gates of pods with an unusable target group stay closed."},
	{"enable-tls-secret-import", Ignored, "Secrets are not imported; see the annotation import-tls-secrets."},
	{"trust-store-bucket", Ignored, "spec.tls.frontend of Gateways is not read."},
	{"trust-store-prefix", Ignored, "spec.tls.frontend of Gateways is not read."},
	{"alb-gateway-controller-name", Ignored,
		"Gateways of a class with another controller name than gateway.k8s.aws/alb are not " +
			"managed, and stay Terminating once they are deleted."},
	{"nlb-gateway-controller-name", Ignored,
		"Gateways of a class with another controller name than gateway.k8s.aws/nlb are not " +
			"managed, and stay Terminating once they are deleted."},
	{"auto-gateway-controller-name", Ignored, "Gateways of the class are not managed, and stay Terminating once " +
		"they are deleted."},
	{"enable-checkpoints", Ignored,
		"The ConfigMaps of the checkpoints stay, with the record for lbc timeline, and nobody " +
			"updates them."},
	{"drift-check-interval", Ignored, "Changes made by hand are found only at edits and at the resync."},
	{"drift-policy", Changed, "The existing controller undoes changes made in AWS by hand."},
	{"replacement-policy", Changed, "An edit that needs another load balancer replaces it."},
	{"publish-address", Ignored, "Objects show the address of a new load balancer once it is created."},
	{"metrics-secure", Changed, "Metrics are served by plain HTTP to everybody who reaches the port."},
	{"metrics-cert-dir", Changed, "Metrics are served by plain HTTP to everybody who reaches the port."},
	{"pprof-bind-addr", Ignored, "Profiles are not served."},
	{"console-bind-addr", Ignored, "No effect here either."},
	{"otlp-traces-endpoint", Ignored, "Traces are not sent."},
	{"otlp-traces-sampling-ratio", Ignored, "Traces are not sent."},
	{"webhook-bind-host", Ignored, "The webhooks listen at all addresses."},
	{"webhook-cert-secret", Ignored,
		"The existing controller needs the files of a certificate, which its chart writes " +
			"into a Secret."},
	{"webhook-cert-lifetime", Ignored, "The existing controller does not renew the certificate of its webhooks."},
	{"webhook-configurations", Ignored, "The existing chart writes the caBundle of the webhook configurations."},
}
