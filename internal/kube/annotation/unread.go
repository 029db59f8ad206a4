package annotation

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// classPrefix is the prefix of the keys that classes of Ingresses and Gateways have in their parameters.
const classPrefix = "elbv2.k8s.aws/"

// onParameters are the kinds on which keys are read that are in no row of the table, or on another kind than its Scope.
var onParameters = map[Key][]string{
	ClassDriftPolicy: parameterKinds, ClassReplacementPolicy: parameterKinds, ClassOwnership: parameterKinds,
	ClassApprovedPlan: parameterKinds, ClassFrontendScheme: {"IngressClassParams"},
	GatewayRuleConstruction: {"Gateway", "GatewayClass"},

	AllowDeregistration: {"TargetGroupBinding"}, AcceleratorDeletionProtection: {"GlobalAccelerator"},

	PodDrainSeconds: onPods, TargetControlAgent + "image": onPods, TargetControlAgent + "injected": onPods,
	TargetControlAgent + "data-address": onPods, TargetControlAgent + "control-address": onPods,
	TargetControlAgent + "destination-address": onPods, TargetControlAgent + "max-concurrency": onPods,
	TargetControlAgent + "tls-cert-path": onPods, TargetControlAgent + "tls-key-path": onPods,
	TargetControlAgent + "tls-security-policy": onPods, TargetControlAgent + "protocol-version": onPods,
	TargetControlAgent + "rust-log": onPods, TargetControlAgent + "cpu-request": onPods,
	TargetControlAgent + "memory-request": onPods, TargetControlAgent + "cpu-limit": onPods,
	TargetControlAgent + "memory-limit": onPods,
}

// prefixes are those of keys that, if they are unknown, are misspelt ones of this controller.
var prefixes = []string{IngressPrefix, serviceLoadBalancerPrefix, GatewayPrefix}

var onPods = []string{"Pod"}

var parameterKinds = []string{"IngressClassParams", "LoadBalancerConfiguration"}

// readOn is where a key is read, as text; empty if it is unknown.
func readOn(k Key) string {
	if kinds, ok := onParameters[k]; ok {
		return strings.Join(kinds, ", ")
	}
	e, _ := Lookup(k)
	return string(e.Scope)
}

// unread is the text about a key that has no effect on an object.
func unread[K, S ~string](k K, on S) string {
	return fmt.Sprintf("annotation %s has no effect on this object: the controller reads it only on %s", k, on)
}

// CheckKind reports the keys of this controller on an object of a kind that declares no load balancer: a class, its
// parameters, a configuration, a ListenerSet, a TargetGroupBinding, a GlobalAccelerator, a namespace or a pod. It also
// reports values without an effect.
func CheckKind(f *Findings, o diag.Object, annotations map[string]string) {
	for _, k := range slices.Sorted(maps.Keys(annotations)) {
		read := readOn(Key(k))
		switch {
		case read == "" && nearestParameter(Key(k), o.Kind) != "":
			d := unknown(o, Key(k))
			d.Remedy = fmt.Sprintf("did you mean %s?", nearestParameter(Key(k), o.Kind))
			f.Add(d)
		case valueProblem(Key(k), annotations[k]) != "" && slices.Contains(onParameters[Key(k)], o.Kind):
			f.Add(diag.New(o, Key(k).Path(), diag.IgnoredSetting, fmt.Sprintf("annotation %s: %q has no effect", k,
				annotations[k]), valueProblem(Key(k), annotations[k])))
		case read == "" && !hasPrefix(k, prefixes), read == string(Written), slices.Contains(strings.Split(read, ", "),
			o.Kind):
		case read == "":
			f.Add(unknown(o, Key(k)))
		default:
			f.Add(withoutEffect(o, Key(k), annotations, unread(k, read), instead(Key(k), o.Kind)))
		}
	}
}

// Ours are the annotations whose keys have a domain of this controller, or one near to it.
func Ours(annotations map[string]string) map[string]string {
	ours := map[string]string{}
	for k, v := range annotations {
		if ofOurs(prefix(Key(k))) {
			ours[k] = v
		}
	}
	return ours
}

// valueProblem is what to write instead of a value that has no effect; empty if the value has one.
func valueProblem(k Key, value string) (remedy string) {
	if k == AllowDeregistration && value != "true" && value != "false" {
		return `write "true" to allow the deregistrations, or remove the annotation`
	}
	if k == PodDrainSeconds {
		if n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64); err != nil || n < 0 || n > MostDrainSeconds {
			return fmt.Sprintf("write a number of seconds from 0 to %d, or remove the annotation", MostDrainSeconds)
		}
	}
	return ""
}

// MostDrainSeconds is the highest value of PodDrainSeconds.
const MostDrainSeconds = 3600

// OfKind are the findings of CheckKind.
func OfKind(o diag.Object, annotations map[string]string) diag.List {
	var f Findings
	CheckKind(&f, o, annotations)
	return f.List()
}

// MisspeltParameters returns the keys of class parameters, in order, that most likely stand for one that these lack.
func MisspeltParameters(o diag.Object, annotations map[string]string) (out []intent.Misspelling) {
	for _, k := range slices.Sorted(maps.Keys(annotations)) {
		if !strings.HasPrefix(k, classPrefix) || readOn(Key(k)) != "" {
			continue
		}
		meant := nearestParameter(Key(k), parameterKinds[0])
		if _, there := annotations[string(meant)]; meant != "" && !there {
			out = append(out, intent.Misspelling{Setting: string(meant), Key: k, Meant: string(meant),
				Source: intent.At(o, Key(k).Path()), Guards: restricts(meant, annotations[k]),
				Lacks: []string{annotated(o, "", string(meant))}})
		}
	}
	return out
}

// nearestParameter is the key that a misspelt one with a domain of this controller stands for on a kind; empty if none
// is near.
func nearestParameter(k Key, kind string) Key {
	domain := prefix(k)
	if domain == GatewayPrefix || !strings.HasSuffix(strings.TrimSuffix(domain, "/"), "k8s.aws") || !ofOurs(domain) {
		return ""
	}
	names := map[string]Key{}
	for known, kinds := range onParameters {
		if !strings.HasPrefix(string(known), GatewayPrefix) && slices.Contains(kinds, kind) {
			names[suffix(known)] = known
		}
	}
	return names[nearestOf(strings.ToLower(suffix(k)), names)]
}

// instead is what to do about a key on a kind that does not read it.
func instead(k Key, kind string) string {
	e, _ := Lookup(k)
	switch {
	case e.Class != "" && (kind == "IngressClass" || kind == "IngressClassParams"):
		return "set spec." + e.Class + " of the IngressClassParams, or remove the annotation"
	case e.Scope == OnIngress || e.Scope == OnBoth || e.Scope == OnService:
		if kind == "GatewayClass" || kind == "ListenerSet" || strings.HasSuffix(kind, "Configuration") {
			return moveOrRemove(OnGateway)
		}
	}
	return "move it there, or remove it"
}

// routeFields are the fields of a TargetGroupConfiguration that set for routes what a key sets for Ingresses.
var routeFields = map[Key]string{
	Tags: "tags", TargetType: "targetType", BackendProtocol: "protocol", BackendProtocolVersion: "protocolVersion",
	TargetGroupAttributes: "targetGroupAttributes", TargetNodeLabels: "nodeSelector", MultiCluster: "enableMultiCluster",
	TargetControlPort: "targetControlPort", HealthCheck: "healthCheckConfig.healthCheckFrom",
	HealthCheckPort:     "healthCheckConfig.healthCheckPort",
	HealthCheckProtocol: "healthCheckConfig.healthCheckProtocol", HealthCheckPath: "healthCheckConfig.healthCheckPath",
	HealthCheckInterval: "healthCheckConfig.healthCheckInterval",
	HealthCheckTimeout:  "healthCheckConfig.healthCheckTimeout",
	HealthyThreshold:    "healthCheckConfig.healthyThresholdCount",
	UnhealthyThreshold:  "healthCheckConfig.unhealthyThresholdCount", SuccessCodes: "healthCheckConfig.matcher",
}

// CheckRouteBackend reports the keys on a backend Service of routes, which read none. Those of load balancers of
// Services are reported whether or not a route names the Service (WithoutBalancer).
func CheckRouteBackend(f *Findings, o diag.Object, annotations map[string]string) {
	const text = "annotation %s has no effect on target groups of routes of a Gateway"
	for _, k := range slices.Sorted(maps.Keys(annotations)) {
		if ofBalancer(Key(k)) {
			continue
		}
		e, known := Lookup(Key(k))
		field := routeFields[e.Key]
		switch {
		case e.Key == AuthType && annotations[k] == "none":
		case field != "":
			f.Add(diag.New(o, Key(k).Path(), diag.IgnoredSetting, fmt.Sprintf(text, k), fmt.Sprintf("set "+
				"spec.defaultConfiguration.%s of a TargetGroupConfiguration whose spec.targetReference.name is %s, or remove "+
				"the annotation",
				field, o.Name)))
		case known && strings.HasPrefix(k, IngressPrefix+"auth-"):
			f.Add(diag.New(o, Key(k).Path(), diag.GuardNotApplied, fmt.Sprintf(text+"; their requests are not authenticated",
				k), "name a ListenerRuleConfiguration with an action of type authenticate-oidc or authenticate-cognito in the "+
				"rules of the routes"))
		case known && e.Scope == OnIngress:
			f.Add(withoutEffect(o, Key(k), annotations, unread(k, e.Scope), moveOrRemove(OnRoute)))
		case !known && strings.HasPrefix(k, IngressPrefix):
			f.Add(unknown(o, Key(k)))
		case !strings.HasPrefix(k, IngressPrefix):
			checkOthers(f, o, OnBoth, Key(k), annotations)
		}
	}
}

// CheckUnnamed reports the keys for target groups of Ingresses on a Service that no Ingress names. serves is true if a
// load balancer of its own serves it.
func CheckUnnamed(f *Findings, o diag.Object, annotations map[string]string, serves bool) {
	for _, k := range slices.Sorted(maps.Keys(annotations)) {
		if e, known := Lookup(Key(k)); !known || e.Scope != OnBoth {
			continue
		}
		remedy := "name the Service in an Ingress, or remove the annotation"
		if c := counterpart(Key(k)); c != "" && serves {
			remedy = "write " + string(c) + ", or remove it"
		}
		code, text := diag.IgnoredSetting, fmt.Sprintf("annotation %s has no effect: no Ingress names the Service", k)
		if serves && Key(k) == AuthType && annotations[k] != "none" {
			code, text = diag.GuardNotApplied, text+", and its network load balancer serves without a login"
		}
		f.Add(diag.New(o, Key(k).Path(), code, text, remedy))
	}
}

// WithoutBalancer returns the finding about the keys of load balancers on a Service that has none; nil if it has no
// such key. Clients may reach the Service through the load balancer of a Gateway, which a guard does not protect.
func WithoutBalancer(o diag.Object, kind string, annotations map[string]string) *diag.Diagnostic {
	var keys []string
	for _, k := range slices.Sorted(maps.Keys(annotations)) {
		if ofBalancer(Key(k)) {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	code, text := diag.IgnoredSetting, fmt.Sprintf("annotation %s has no effect: a Service of type %s has no load "+
		"balancer", diag.First(keys, mostUnknown, ", "), kind)
	if at := slices.IndexFunc(keys, func(k string) bool { return opens(o, Key(k), annotations) }); at >= 0 {
		code, text = diag.GuardNotApplied, fmt.Sprintf("%s; %s restricts no requests", text, keys[at])
		keys[0] = keys[at]
	}
	d := diag.New(o, Key(keys[0]).Path(), code, text, "remove the annotations, or give the Service type LoadBalancer; "+
		"for routes of a Gateway, use a LoadBalancerConfiguration")
	return &d
}
