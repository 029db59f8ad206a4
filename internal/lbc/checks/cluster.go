package checks

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/definition"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
	"github.com/k8s-lbc/lbc/internal/model/support"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

func clusterChecks() []Check {
	return []Check{{
		Name: "kubernetes-outdated", Severity: doctor.Warning, Needs: []doctor.Source{doctor.APIServer},
		About: "The API server is older than Kubernetes v" + support.Oldest().String() +
			", the oldest supported version ([support.md](support.md)). The API server may ignore the match conditions of the " +
			"webhooks. Then nobody can create a Service while the controller's webhook does not answer. The API server may " +
			"also ignore the validation rules of the CRDs, and store invalid objects. The severity is error if the API server " +
			"is older than v" + minimum.String() + ": such an API server does not serve the kinds that the controller reads.",
		Remedy: "update the cluster",
		Find:   outdatedKubernetes,
	}, {
		Name: "kubernetes-untested", Severity: doctor.Note, Needs: []doctor.Source{doctor.APIServer},
		About: "The API server is newer than Kubernetes v" + support.Newest().String() +
			", the newest version that this release was tested with ([support.md](support.md)). The controller works as long " +
			"as the API server serves the kinds that the controller reads.",
		Remedy: "update the controller to a release that supports this version of Kubernetes",
		Find:   untestedKubernetes,
	}, {
		Name: "crd-missing", Severity: doctor.Error, Needs: []doctor.Source{doctor.Definitions},
		About: "A CRD of the controller is missing. Without the CRD of " +
			"[TargetGroupBindings](reference.md#targetgroupbinding), which assign Services to target groups, the controller " +
			"registers no target. Without the CRD of [IngressClassParams](reference.md#ingressclassparams), which contain " +
			"settings of an IngressClass, classes have no such settings. If another CRD is missing, the features that need " +
			"this CRD do not work until you apply the CRD. The severity is warning for the CRD of LoadBalancer objects, and " +
			"note for the CRD of ALBTargetControlConfigs.",
		Remedy: impairment.ApplyDefinitions,
		Find:   missingDefinitions,
	}, {
		Name: "crd-outdated", Severity: doctor.Warning, Needs: []doctor.Source{doctor.Definitions},
		About: "A CRD lacks fields or versions that this version of the controller uses. The API server silently drops " +
			"these fields.",
		Remedy: impairment.ApplyDefinitions,
		Find:   outdatedDefinitions,
	}, {
		Name: "gateway-api-incomplete", Severity: doctor.Warning,
		Needs: []doctor.Source{doctor.Definitions}, Skip: withoutGatewayAPI,
		About: "The installed Gateway API lacks kinds that the controller serves, or does not serve these kinds in API " +
			"version v1. The controller does not serve objects of such a kind.",
		Remedy: "install the standard channel of Gateway API v" + gatewayAPI + " or newer",
		Find:   missingGatewayKinds,
	}, {
		Name: "gateway-api-outdated", Severity: doctor.Warning,
		Needs: []doctor.Source{doctor.Definitions}, Skip: withoutGatewayAPI,
		About: "The CRDs of the Gateway API are from an older release than v" + gatewayAPI + ". The API server silently " +
			"drops the fields that these CRDs lack, so the controller does not see these fields.",
		Remedy: "install the standard channel of Gateway API v" + gatewayAPI + " or newer",
		Find:   outdatedGatewayAPI,
	}, {
		Name: "rbac-denied", Severity: doctor.Error, Needs: []doctor.Source{doctor.Rights},
		About: "The controller's service account lacks a right, according to the API server's answer to a " +
			"SubjectAccessReview.",
		Remedy: impairment.GrantRights,
		Find:   deniedRights,
	}}
}

// minimum is the oldest version of Kubernetes that serves the APIs that the controller reads.
var minimum = support.Version{Major: 1, Minor: 22}

func outdatedKubernetes(f *Facts) []doctor.Finding {
	oldest := support.Oldest().Version
	have, ok := support.Parse(f.Kubernetes)
	if !ok || !have.Before(oldest) {
		return nil
	}
	x := doctor.Finding{Object: "API server", Text: "is Kubernetes " + f.Kubernetes + ", older than v" + oldest.String()}
	if have.Before(minimum) {
		x.Severity = doctor.Error
	}
	return []doctor.Finding{x}
}

func untestedKubernetes(f *Facts) []doctor.Finding {
	newest := support.Newest().Version
	if have, ok := support.Parse(f.Kubernetes); !ok || !newest.Before(have) {
		return nil
	}
	return []doctor.Finding{{Object: "API server",
		Text: "is Kubernetes " + f.Kubernetes + ", newer than v" + newest.String()}}
}

// gatewayAPI is the version of the Gateway API for which the controller is built.
const gatewayAPI = "1.6"

const gatewayGroup = ".gateway.networking.k8s.io"

// gatewayKinds are the kinds of the Gateway API that are served, with what does not work without them.
var gatewayKinds = map[string]string{
	"gatewayclasses": "Gateways", "gateways": "Gateways", "httproutes": "routes of ALBs",
	"grpcroutes": "gRPC routes of ALBs", "listenersets": "ListenerSets",
	"tlsroutes": "TLS routes of NLBs", "tcproutes": "TCP routes of NLBs", "udproutes": "UDP routes of NLBs",
}

func withoutGatewayAPI(f *Facts) string {
	if _, ok := f.Definitions["gateways"+gatewayGroup]; !ok {
		return "the Gateway API is not installed"
	}
	return ""
}

func missingDefinitions(f *Facts) (out []doctor.Finding) {
	wanted := definition.Own()
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if _, ok := f.Definitions[name]; ok {
			continue
		}
		severity := doctor.Error
		switch {
		case strings.HasSuffix(name, ".gateway.k8s.aws") && withoutGatewayAPI(f) != "":
			continue // as the chart leaves them out
		case strings.HasSuffix(name, ".aga.k8s.aws") && !f.Settings.Accelerators:
			continue // the chart does not bring it
		case strings.HasPrefix(name, "loadbalancers."):
			severity = doctor.Warning
		case strings.HasPrefix(name, "albtargetcontrolconfigs."):
			severity = doctor.Note
		}
		out = append(out, doctor.Finding{Severity: severity, Object: "CustomResourceDefinition " + name,
			Text: "the cluster has no definition of " + wanted[name].Kind})
	}
	return out
}

func outdatedDefinitions(f *Facts) (out []doctor.Finding) {
	wanted := definition.Own()
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		have, ok := f.Definitions[name]
		if !ok {
			continue
		}
		for _, version := range slices.Sorted(maps.Keys(wanted[name].Versions)) {
			fields, served := have.Versions[version]
			object := "CustomResourceDefinition " + name
			if !served {
				out = append(out, doctor.Finding{Object: object, Text: "version " + version + " is not served"})
				continue
			}
			if lacks := definition.Lacks(fields, wanted[name].Versions[version]); len(lacks) > 0 {
				out = append(out, doctor.Finding{Object: object,
					Text: fmt.Sprintf("version %s lacks %d fields of this version of "+
						"the controller", version, len(lacks)), Evidence: doctor.Evidence("", lacks)})
			}
		}
	}
	return out
}

func missingGatewayKinds(f *Facts) (out []doctor.Finding) {
	for _, plural := range slices.Sorted(maps.Keys(gatewayKinds)) {
		d, ok := f.Definitions[plural+gatewayGroup]
		if _, v1 := d.Versions["v1"]; v1 {
			continue
		}
		text := "the cluster has no definition of " + plural
		if ok {
			text = "version v1 of " + plural + " is not served, " + strings.Join(slices.Sorted(maps.Keys(d.Versions)), " and ") +
				" is"
		}
		out = append(out, doctor.Finding{Object: "CustomResourceDefinition " + plural + gatewayGroup, Text: text + ": " +
			gatewayKinds[plural] + " are not served"})
	}
	return out
}

func outdatedGatewayAPI(f *Facts) (out []doctor.Finding) {
	older := map[string][]string{} // by bundle
	for _, plural := range slices.Sorted(maps.Keys(gatewayKinds)) {
		if d, ok := f.Definitions[plural+gatewayGroup]; ok && before(d.Bundle, gatewayAPI) {
			older[d.Bundle] = append(older[d.Bundle], plural)
		}
	}
	for _, bundle := range slices.Sorted(maps.Keys(older)) {
		out = append(out, doctor.Finding{Object: "Gateway API " + bundle,
			Text:     "the definitions are older than v" + gatewayAPI,
			Evidence: doctor.Evidence("of ", older[bundle])})
	}
	return out
}

// before reports whether a version such as v1.2.1 is of an earlier minor than another one; what is no version, as of
// builds without a release, is not.
func before(version, minor string) bool {
	var a, b, x, y int
	if _, err := fmt.Sscanf(strings.TrimPrefix(version, "v"), "%d.%d", &a, &b); err != nil || a+b == 0 {
		return false
	}
	if _, err := fmt.Sscanf(minor, "%d.%d", &x, &y); err != nil {
		return false
	}
	return cmp.Or(cmp.Compare(a, x), cmp.Compare(b, y)) < 0
}

func deniedRights(f *Facts) (out []doctor.Finding) {
	verbs := map[string][]string{}
	for _, r := range f.Denied {
		verbs[on(r)] = append(verbs[on(r)], r.Verb)
	}
	for _, on := range slices.Sorted(maps.Keys(verbs)) {
		out = append(out, doctor.Finding{Object: f.User, Text: "may not " + strings.Join(verbs[on], ", ") + " " + on})
	}
	return out
}

// on is the resource of a right.
func on(r Right) string {
	s := r.Resource
	if r.Group != "" {
		resource, sub, ok := strings.Cut(r.Resource, "/")
		if s = resource + "." + r.Group; ok {
			s += "/" + sub
		}
	}
	if r.Name != "" {
		s += " " + r.Name
	}
	if r.Namespace != "" {
		s += " in namespace " + r.Namespace
	}
	return s
}
