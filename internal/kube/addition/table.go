package addition

import "slices"

// rows is the table. It is constant.
var rows = slices.Concat(policies(), consents(), settings(), records(), parameters(), gateways(), pods(), objectRows(),
	marks(), flags())

// remove is the command that removes an annotation.
func remove(key string) string { return "kubectl annotate KIND -n NAMESPACE NAME " + key + "-" }

// policyRow is an annotation that every kind of owners of load balancers has, under a key of its own.
type policyRow struct {
	ingress, service, gateway, class string // keys; empty = there is none
	harmless                         []string
	after, before                    string
	effect                           Effect
}

// policies are the annotations that say what may become of a load balancer.
func policies() (out []Row) {
	for _, p := range []policyRow{{
		ingress: "alb.ingress.kubernetes.io/deletion-policy",
		service: "service.beta.kubernetes.io/aws-load-balancer-deletion-policy", gateway: "gateway.k8s.aws/deletion-policy",
		harmless: []string{"Delete"}, effect: Changed,
		after: "Not read: deleting the object deletes its load balancer.",
		before: "Declare attribute deletion_protection.enabled=true of the load balancer in the object, then remove the " +
			"annotation. If you then delete the object, the load balancer stays, and the object stays Terminating until you " +
			"switch off the protection.",
	}, {
		ingress: "alb.ingress.kubernetes.io/ownership", service: "service.beta.kubernetes.io/aws-load-balancer-ownership",
		gateway: "gateway.k8s.aws/ownership", class: "elbv2.k8s.aws/ownership",
		harmless: []string{"managed"}, effect: Changed,
		after: "Not read: the existing controller creates a load balancer for each object with ownership shared or " +
			"observed, and manages adopted load balancers. Listeners and rules on shared load balancers stay without an owner.",
		before: "Delete objects with ownership shared or observed, or let the existing controller create a load balancer " +
			"for them. If an object adopted a load balancer, the existing controller manages the adopted load balancer.",
	}, {
		ingress: "alb.ingress.kubernetes.io/existing-load-balancer",
		service: "service.beta.kubernetes.io/aws-load-balancer-existing", gateway: "gateway.k8s.aws/existing-load-balancer",
		effect: Changed,
		after: "Not read: the existing controller creates another load balancer for the object, unless the load balancer " +
			"that the annotation names was adopted.",
		before: "Remove the annotation together with the annotation of the ownership.",
	}, {
		ingress: "alb.ingress.kubernetes.io/approved-plan",
		service: "service.beta.kubernetes.io/aws-load-balancer-approved-plan", gateway: "gateway.k8s.aws/approved-plan",
		class:  "elbv2.k8s.aws/approved-plan",
		effect: Changed,
		after:  "Not read: every edit takes effect at once, including edits that wait for an approval now.",
		before: "Approve or undo the edits that wait, then remove the annotation.",
	}, {
		ingress: "alb.ingress.kubernetes.io/drift-policy",
		service: "service.beta.kubernetes.io/aws-load-balancer-drift-policy", gateway: "gateway.k8s.aws/drift-policy",
		class:    "elbv2.k8s.aws/drift-policy",
		harmless: []string{"correct"}, effect: Changed,
		after:  "Not read: the existing controller undoes changes made in AWS by hand.",
		before: "Declare in the objects the changes made by hand, then remove the annotation.",
	}, {
		ingress: "alb.ingress.kubernetes.io/replacement-policy",
		service: "service.beta.kubernetes.io/aws-load-balancer-replacement-policy",
		gateway: "gateway.k8s.aws/replacement-policy", class: "elbv2.k8s.aws/replacement-policy",
		harmless: []string{"allow"}, effect: Changed,
		after: "Not read: an edit that needs another load balancer, such as a change of scheme, replaces this load " +
			"balancer. Edits that this controller refuses take effect at once. An old load balancer that this controller " +
			"keeps has no owner.",
		before: "Undo the edits that this controller refuses, then remove the annotation. Set deletion protection on each " +
			"load balancer that must stay.",
	}} {
		for _, key := range []string{p.ingress, p.service, p.gateway, p.class} {
			if key != "" {
				out = append(out, Row{Sort: Annotation, Name: key, Harmless: p.harmless, Effect: p.effect, After: p.after,
					Before: p.before, Command: remove(key)})
			}
		}
	}
	return out
}

// consents are annotations that allow one deletion. Nothing of them is left.
func consents() (out []Row) {
	for _, key := range []string{
		"alb.ingress.kubernetes.io/allow-deletion", "service.beta.kubernetes.io/aws-load-balancer-allow-deletion",
		"gateway.k8s.aws/allow-deletion",
		"alb.ingress.kubernetes.io/delete-duplicates", "service.beta.kubernetes.io/aws-load-balancer-delete-duplicates",
		"gateway.k8s.aws/delete-duplicates",
		"elbv2.k8s.aws/allow-deregistration",
	} {
		out = append(out, Row{Sort: Annotation, Name: key, Effect: Ignored, After: "Not read. Under this controller, the " +
			"annotation permits deletions or deregistrations. The existing controller deletes and deregisters without such " +
			"an annotation."})
	}
	return out
}

// settings are annotations that say what is created in AWS.
func settings() []Row {
	return []Row{
		{Sort: Annotation, Name: "service.beta.kubernetes.io/aws-load-balancer-group-name", Effect: Changed,
			After: "Not read: each Service of the group gets its own load balancer, with another address. The shared load " +
				"balancer stays without an owner.",
			Before: "Remove the annotation while this controller runs: each Service gets its own load balancer, and this " +
				"controller deletes the shared load balancer once no Service uses it. Point DNS at the new addresses.",
			Command: remove("service.beta.kubernetes.io/aws-load-balancer-group-name")},
		{Sort: Annotation, Name: "elbv2.k8s.aws/frontend-nlb-scheme", On: "IngressClassParams", Effect: Changed,
			After: "Not read: network load balancers in front of ALBs get the scheme of the Ingress's annotation " +
				"`frontend-nlb-scheme`, or the default. A network load balancer that has another scheme is replaced.",
			Before: "Set annotation alb.ingress.kubernetes.io/frontend-nlb-scheme to the same value on each Ingress of the " +
				"class, then remove this annotation from the IngressClassParams.",
			Command: remove("elbv2.k8s.aws/frontend-nlb-scheme")},
		{Sort: Annotation, Name: "alb.ingress.kubernetes.io/import-tls-secrets", Harmless: []string{"false"}, Effect: Changed,
			After: "Not read: the existing controller detaches the imported certificates if it finds other certificates. If " +
				"it finds no certificates, it refuses HTTPS listeners. The certificates stay in ACM without an owner.",
			Before:  "Name certificates with certificate-arn, then remove the annotation.",
			Command: remove("alb.ingress.kubernetes.io/import-tls-secrets")},
		{Sort: Annotation, Name: "alb.ingress.kubernetes.io/healthcheck", Effect: Changed,
			After: "Not read: health checks get the values of the other annotations, or AWS's defaults. Targets that fail " +
				"such a check become unhealthy.",
			Before:  "Declare path, port and times of the health check by the other annotations, then remove this annotation.",
			Command: remove("alb.ingress.kubernetes.io/healthcheck")},
		{Sort: Annotation, Name: "service.beta.kubernetes.io/aws-load-balancer-healthcheck", Effect: Changed,
			After: "Not read: health checks get the values of the other annotations, or AWS's defaults. Targets that fail " +
				"such a check become unhealthy.",
			Before:  "Declare path, port and times of the health check by the other annotations, then remove this annotation.",
			Command: remove("service.beta.kubernetes.io/aws-load-balancer-healthcheck")},
		{Sort: Annotation, Name: "aga.k8s.aws/deletion-protection", On: "GlobalAccelerator", Harmless: []string{"false"},
			Effect:  Changed,
			After:   "Not read: deleting the object deletes its accelerator and its addresses.",
			Before:  "Forbid the deletion of the object by an admission policy.",
			Command: remove("aga.k8s.aws/deletion-protection")},
	}
}

// records are annotations that the controller writes for itself.
func records() []Row {
	return []Row{
		{Sort: Annotation, Name: "alb.ingress.kubernetes.io/dry-run-plan-gzip", Written: true, Effect: Ignored,
			After: "Not read. The annotation stays on the object as text."},
		{Sort: Annotation, Name: "gateway.k8s.aws/dry-run-plan-gzip", Written: true, Effect: Ignored,
			After: "Not read. The annotation stays on the object as text."},
		{Sort: Annotation, Name: "alb.ingress.kubernetes.io/written-secrets", Written: true, Effect: Ignored,
			After: "Not read. The annotation stays on the object as text."},
		{Sort: Annotation, Name: "gateway.k8s.aws/client-certificates-passed", On: "Gateway", Written: true, Effect: Ignored,
			After: "Not read. The annotation stays on the object as text."},
		{Sort: Annotation, Name: "elbv2.k8s.aws/deletion-waits-for", Written: true, Effect: Ignored,
			After: "Not read. The annotation exists only on objects whose deletion waits, and disappears with these objects."},
		{Sort: Annotation, Name: "elbv2.k8s.aws/original", On: "TargetGroupBinding", Written: true, Effect: Ignored,
			After: "Not read. The annotation exists only on TargetGroupBindings that this controller is about to delete."},
	}
}

// parameters are fields of class parameters and configurations.
func parameters() []Row {
	return []Row{
		{Sort: Field, On: "IngressClassParams", Name: "spec.group.shards", Harmless: []string{"1"}, Effect: Changed,
			After: "Not read: the existing controller moves all rules to the group's first load balancer, and deletes the " +
				"group's other load balancers with their addresses. If the group exceeds AWS's limits for one load balancer, " +
				"the whole group fails.",
			Before: "Set shards to 1 while this controller runs, and wait until this controller has moved the hostnames and " +
				"DNS has the new addresses."},
		{Sort: Field, On: "IngressClassParams", Name: "spec.group.namespaceSelector", Effect: Changed,
			After:  "Not read: Ingresses of all namespaces may join the group.",
			Before: "Set spec.namespaceSelector of the class, which both controllers read."},
		{Sort: Field, On: "IngressClassParams", Name: "spec.group.settingsNamespaces", Effect: Changed,
			After: "Not read: an Ingress of any namespace may change shared settings of the group, or stop the group with a " +
				"conflicting value.",
			Before: "Declare the shared settings in the fields of the class, which take precedence over annotations."},
		{Sort: Field, On: "IngressClassParams", Name: "spec.importTLSSecrets", Effect: Changed,
			After: "Not read: the existing controller detaches the imported certificates if it finds other certificates. If " +
				"it finds no certificates, it refuses HTTPS listeners.",
			Before: "Name certificates in spec.certificateArn, then remove the field."},
		healthCheckFrom("spec.defaultConfiguration.healthCheckConfig.healthCheckFrom"),
		healthCheckFrom("spec.routeConfigurations[].targetGroupProps.healthCheckConfig.healthCheckFrom"),
	}
}

func healthCheckFrom(path string) Row {
	return Row{Sort: Field, On: "TargetGroupConfiguration", Name: path, Effect: Changed,
		After: "Not read: health checks get the values of the other fields, or AWS's defaults. Targets that fail such a " +
			"check become unhealthy.",
		Before: "Declare path, port and times of the health check in the other fields, then remove this field."}
}

// gateways are what Gateways have beyond the annotations of every owner.
func gateways() []Row {
	return []Row{
		{Sort: Annotation, Name: "gateway.k8s.aws/rule-construction", Harmless: []string{"compatible"}, Recorded: true,
			Effect: Changed,
			After: "Not read: the existing controller creates the Gateway's rules in its own form and deletes the rules of " +
				"this controller. If the existing controller routes a request differently than the Gateway API demands, the " +
				"answer changes.",
			Before: "Write the value compatible. The rules then change while this controller runs, without a lost request. " +
				"The plan shows which rules change.",
			Command: "kubectl annotate KIND -n NAMESPACE NAME gateway.k8s.aws/rule-construction=compatible --overwrite"},
		{Sort: Annotation, Name: "gateway.k8s.aws/settings-namespaces", Effect: Changed,
			After:   "Not read: a ListenerSet of any namespace may take hostnames and ports of other namespaces.",
			Before:  "Limit spec.allowedListeners of the Gateway, then remove the annotation.",
			Command: remove("gateway.k8s.aws/settings-namespaces")},
		{Sort: Field, On: "GatewayClass", Name: "spec.controllerName", Only: []string{AutoController}, Effect: Stuck,
			After: "Not known: the existing controller manages no Gateway of the class. If you delete the class or its " +
				"Gateways later, they stay Terminating for ever, because nobody removes their finalizers.",
			Before: "In spec.gatewayClassName of each Gateway of the class, name a class with controllerName " +
				"gateway.k8s.aws/alb or gateway.k8s.aws/nlb, whichever matches its load balancer. The load balancer stays. " +
				"Then delete the class."},
		{Sort: Field, On: "Gateway", Name: "spec.tls.frontend", Effect: Changed,
			After: "Not read: the existing controller does not configure the listener to verify clients, and the trust store " +
				"in AWS has no owner.",
			Before: "Declare mutualAuthentication in the LoadBalancerConfiguration, with a trust store of your own, then " +
				"remove the field."},
		{Sort: Field, On: "Gateway", Name: "spec.addresses[].value", Effect: Changed,
			After: "Not read: if the Gateway has an ALB, the network load balancer in front of the ALB is deleted, with its " +
				"addresses. If the Gateway has a network load balancer, an edit that replaces it changes its addresses.",
			Before: "If the Gateway has an ALB, point DNS at the hostname of the ALB, then remove the addresses. If the " +
				"Gateway has a network load balancer, replace the addresses by eipAllocation in loadBalancerSubnets of the " +
				"LoadBalancerConfiguration."},
		// The definition of Gateways demands it of listeners that end TLS, so that objects of the existing controller have
		// it too.
		{Sort: Field, On: "Gateway", Name: CertificateRefs, Judged: true, Effect: Changed,
			After: "Not read, also not on ListenerSets: the listener gets certificates of ACM that cover its hostnames. " +
				"If ACM has none, no edit of the Gateway takes effect. Imported certificates stay in ACM without an owner.",
			Before: "Name certificates of ACM for the port in listenerConfigurations of the Gateway's " +
				"LoadBalancerConfiguration. Then the references have no effect under this controller either."},
	}
}

// CertificateRefs is the field of Gateways that names Secrets with certificates.
const CertificateRefs = "spec.listeners[].tls.certificateRefs"

// AutoController is the default name of the controller whose Gateways become load balancers of either type.
const AutoController = "gateway.k8s.aws/auto"

// pods are what pods and their namespaces declare.
func pods() []Row {
	const after = "Not read: new pods get no preStop sleep, and may end while load balancers still send them requests."
	return []Row{
		{Sort: Label, Name: "elbv2.k8s.aws/pod-drain-inject", On: "Namespace", Effect: Changed, After: after,
			Before:  "Declare a preStop hook and the grace period in the pods' templates, then remove the label.",
			Command: "kubectl label KIND NAME elbv2.k8s.aws/pod-drain-inject-"},
		{Sort: Annotation, Name: "elbv2.k8s.aws/pod-drain-seconds", On: "Pod", Effect: Ignored,
			After: "Not read. The annotation has no effect without label elbv2.k8s.aws/pod-drain-inject of the namespace."},
	}
}

// objectRows are kinds and finalizers.
func objectRows() []Row {
	return []Row{
		{Sort: Kind, Name: "LoadBalancer", Written: true, Effect: Ignored,
			After: "Nobody updates the objects any longer. Their status is the last status that this controller wrote, so a " +
				"wait for Ready can succeed although the load balancer is not ready.",
			Before: "Delete these objects once this controller has stopped: kubectl delete lb -A --all. This deletes nothing " +
				"in AWS."},
		{Sort: Finalizer, Name: "group.service.k8s.aws/", On: "Service", Written: true, Effect: Stuck,
			After: "Not known: if you delete a Service of a group, the Service stays Terminating for ever. Its namespace " +
				"cannot be deleted either.",
			Before: "Remove annotation aws-load-balancer-group-name while this controller runs, and wait until this " +
				"controller has removed the finalizer.",
			Command: remove("service.beta.kubernetes.io/aws-load-balancer-group-name")},
	}
}

// marks are tags in AWS and a condition, which objects do not declare.
func marks() (out []Row) {
	const protect = "If the load balancer must outlive its objects, declare attribute " +
		"deletion_protection.enabled=true in the objects."
	for _, t := range []struct {
		name, after string
		effect      Effect
		before      string
	}{
		{"elbv2.k8s.aws/adopted", "Removed from an adopted load balancer. If you install this controller again, this " +
			"controller treats the load balancer as a load balancer that it created.", Changed, protect},
		{"elbv2.k8s.aws/retained", "Stays on a load balancer without objects until objects with the same names claim the " +
			"load balancer.", Ignored, ""},
		{"elbv2.k8s.aws/replaces", "Removed from the target group. A target group that this controller is replacing stays " +
			"without an owner.", Ignored, ""},
		{"elbv2.k8s.aws/shared-with", "Not read. The tag stays on load balancers of other owners on which you set the tag.",
			Ignored, ""},
		{"elbv2.k8s.aws/deletable-by", "Not read, and removed from a load balancer that was adopted: deleting the objects " +
			"of the load balancer deletes the load balancer.", Changed, protect},
		{"gateway.k8s.aws/ca-bundle", "Stays on trust stores, which have no owner.", Ignored, ""},
		{"ingress.k8s.aws/content-hash", "Stays on imported certificates, which have no owner.", Ignored, ""},
	} {
		out = append(out, Row{Sort: Tag, Name: t.name, Written: true, Effect: t.effect, After: t.after, Before: t.before})
	}
	return append(out, Row{Sort: Condition, On: "Node", Name: "elbv2.k8s.aws/TargetsDrained", Written: true,
		Effect: Ignored, After: "Stays on nodes unchanged, and nobody updates it."})
}
