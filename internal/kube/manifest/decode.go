// Package manifest reads objects from files as the API server would accept them: it decodes them, finds the line of a
// mistake, and fills in defaults. The command line and tests use it; the controller reads objects through informers.
package manifest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	networkingv1beta1 "k8s.io/api/networking/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// kinds makes empty objects of the kinds that a View can show, by "apiVersion kind".
var kinds = map[string]func() metav1.Object{
	"networking.k8s.io/v1 Ingress":             func() metav1.Object { return new(networkingv1.Ingress) },
	"networking.k8s.io/v1 IngressClass":        func() metav1.Object { return new(networkingv1.IngressClass) },
	"elbv2.k8s.aws/v1beta1 IngressClassParams": func() metav1.Object { return new(v1beta1.IngressClassParams) },
	"elbv2.k8s.aws/v1beta1 TargetGroupBinding": func() metav1.Object { return new(v1beta1.TargetGroupBinding) },
	// Without a conversion, what is written in the other version that is served is the same.
	"elbv2.k8s.aws/v1alpha1 TargetGroupBinding": func() metav1.Object { return new(v1beta1.TargetGroupBinding) },

	"v1 Service":   func() metav1.Object { return new(corev1.Service) },
	"v1 Namespace": func() metav1.Object { return new(corev1.Namespace) },
	"v1 Secret":    func() metav1.Object { return new(corev1.Secret) },
	"v1 ConfigMap": func() metav1.Object { return new(corev1.ConfigMap) },

	"gateway.networking.k8s.io/v1 GatewayClass":        gatewayClass,
	"gateway.networking.k8s.io/v1beta1 GatewayClass":   gatewayClass,
	"gateway.networking.k8s.io/v1 Gateway":             gateway,
	"gateway.networking.k8s.io/v1beta1 Gateway":        gateway,
	"gateway.networking.k8s.io/v1 ListenerSet":         func() metav1.Object { return new(gatewayv1.ListenerSet) },
	"gateway.networking.k8s.io/v1 HTTPRoute":           httpRoute,
	"gateway.networking.k8s.io/v1beta1 HTTPRoute":      httpRoute,
	"gateway.networking.k8s.io/v1 GRPCRoute":           func() metav1.Object { return new(gatewayv1.GRPCRoute) },
	"gateway.networking.k8s.io/v1 TCPRoute":            tcpRoute,
	"gateway.networking.k8s.io/v1alpha2 TCPRoute":      tcpRoute, // alphas are served by the experimental channel only
	"gateway.networking.k8s.io/v1 UDPRoute":            udpRoute,
	"gateway.networking.k8s.io/v1alpha2 UDPRoute":      udpRoute,
	"gateway.networking.k8s.io/v1 TLSRoute":            tlsRoute,
	"gateway.networking.k8s.io/v1alpha2 TLSRoute":      tlsRoute,
	"gateway.networking.k8s.io/v1alpha3 TLSRoute":      tlsRoute,
	"gateway.networking.k8s.io/v1 ReferenceGrant":      referenceGrant,
	"gateway.networking.k8s.io/v1beta1 ReferenceGrant": referenceGrant,

	"gateway.k8s.aws/v1 LoadBalancerConfiguration":      loadBalancerConfiguration,
	"gateway.k8s.aws/v1beta1 LoadBalancerConfiguration": loadBalancerConfiguration,
	"gateway.k8s.aws/v1 TargetGroupConfiguration":       targetGroupConfiguration,
	"gateway.k8s.aws/v1beta1 TargetGroupConfiguration":  targetGroupConfiguration,
	"gateway.k8s.aws/v1 ListenerRuleConfiguration":      listenerRuleConfiguration,
	"gateway.k8s.aws/v1beta1 ListenerRuleConfiguration": listenerRuleConfiguration,

	"aga.k8s.aws/v1beta1 GlobalAccelerator": func() metav1.Object { return new(agav1beta1.GlobalAccelerator) },
}

// workloads makes empty objects of the kinds that only targets depend on. What the cluster makes of them may have
// fields of another version.
var workloads = map[string]func() metav1.Object{
	"v1 Pod":                            func() metav1.Object { return new(corev1.Pod) },
	"v1 Node":                           func() metav1.Object { return new(corev1.Node) },
	"discovery.k8s.io/v1 EndpointSlice": func() metav1.Object { return new(discoveryv1.EndpointSlice) },
}

// Kinds of the Gateway API, and those that configure it, have one schema in all versions that are served.
func gatewayClass() metav1.Object              { return new(gatewayv1.GatewayClass) }
func gateway() metav1.Object                   { return new(gatewayv1.Gateway) }
func httpRoute() metav1.Object                 { return new(gatewayv1.HTTPRoute) }
func tcpRoute() metav1.Object                  { return new(gatewayv1.TCPRoute) }
func udpRoute() metav1.Object                  { return new(gatewayv1.UDPRoute) }
func tlsRoute() metav1.Object                  { return new(gatewayv1.TLSRoute) }
func referenceGrant() metav1.Object            { return new(gatewayv1beta1.ReferenceGrant) }
func loadBalancerConfiguration() metav1.Object { return new(configv1.LoadBalancerConfiguration) }
func targetGroupConfiguration() metav1.Object  { return new(configv1.TargetGroupConfiguration) }
func listenerRuleConfiguration() metav1.Object { return new(configv1.ListenerRuleConfiguration) }

// groups are ours.
var groups = []string{v1beta1.GroupVersion.Group, configv1.GroupVersion.Group, agav1beta1.GroupVersion.Group}

// unread are the kinds of our groups that no View shows.
var unread = []string{"elbv2.k8s.aws/v1beta1 ALBTargetControlConfig", "elbv2.k8s.aws/v1alpha1 LoadBalancer"}

// Decode reads manifests: YAML or JSON documents, lists included, as the API server would: fields by their exact names,
// values of their types. Objects of other kinds are skipped and named, as "apiVersion kind namespace/name". Namespaced
// objects without a namespace go to defaultNamespace. Of Pods, Nodes and EndpointSlices, fields that are not known are
// left out. A document that cannot be read is a MalformedError that names its number and, as far as known, its object;
// fields that do not exist, versions of our kinds that no cluster serves any longer and unknown kinds of our group are
// errors too.
func Decode(manifests []byte, defaultNamespace string) (found []metav1.Object, skipped []string, err error) {
	return decoder{defaultNamespace: defaultNamespace}.decode(manifests)
}

// DecodeFormer is Decode for manifests of former clusters: Ingresses of versions that no cluster serves any longer are
// converted.
func DecodeFormer(manifests []byte, defaultNamespace string) (found []metav1.Object, skipped []string, err error) {
	return decoder{defaultNamespace: defaultNamespace, former: true}.decode(manifests)
}

// decoder says how manifests are read.
type decoder struct {
	defaultNamespace string
	former           bool // see DecodeFormer
}

func (c decoder) decode(manifests []byte) (found []metav1.Object, skipped []string, err error) {
	for i, d := range documents(manifests) {
		more, others, err := c.document(d)
		if err != nil {
			return nil, nil, malformed(d, i+1, err)
		}
		found, skipped = append(found, more...), append(skipped, others...)
	}
	return found, skipped, nil
}

// document is one of several in a file, and the line where it begins.
type document struct {
	line int
	text []byte
	rest string // what follows --- on its line, but a comment
}

// documents parts a file at lines that begin with ---, as kubectl does. Nothing between two of them is no document.
func documents(manifests []byte) (out []document) {
	d, start := document{line: 1}, 1
	for line := range bytes.Lines(manifests) {
		if rest, ok := bytes.CutPrefix(line, []byte("---")); ok {
			if len(d.text) > 0 || d.rest != "" {
				out = append(out, d)
			}
			d = document{line: start + 1}
			if rest = bytes.TrimSpace(rest); len(rest) > 0 && rest[0] != '#' {
				d = document{line: start, rest: string(rest)}
			}
		} else {
			d.text = append(d.text, line...)
		}
		start++
	}
	if len(d.text) > 0 || d.rest != "" {
		out = append(out, d)
	}
	return out
}

func (c decoder) document(d document) (found []metav1.Object, skipped []string, err error) {
	if d.rest != "" {
		return nil, nil, fmt.Errorf("text %q follows the document separator --- on the same line; move the text to a new "+
			"line", d.rest)
	}
	raw, err := yaml.YAMLToJSONStrict(d.text)
	if err != nil {
		return nil, nil, err
	}
	if string(raw) == "null" {
		return nil, nil, nil // only comments
	}
	return c.object(raw)
}

func (c decoder) object(raw []byte) (found []metav1.Object, skipped []string, err error) {
	var content map[string]any
	if json.Unmarshal(raw, &content) != nil {
		return nil, nil, at("", fmt.Errorf("%w: it has neither apiVersion nor kind", ErrForeign))
	}
	var head struct {
		metav1.TypeMeta `json:",inline"`
		Metadata        struct {
			Namespace string `json:"namespace"`
			Name      string `json:"name"`
		} `json:"metadata"`
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, nil, cmp.Or(mistyped(raw, &head), at("", plain(err)))
	}
	if (head.APIVersion == "" || head.Kind == "") && !strings.HasSuffix(head.Kind, "List") {
		return nil, nil, at("", fmt.Errorf("%w: it needs apiVersion and kind", ErrForeign))
	}
	what := strings.TrimSpace(head.APIVersion + " " + head.Kind + " " + strings.TrimPrefix(head.Metadata.Namespace+"/"+
		head.Metadata.Name, "/"))
	create, known := kinds[head.APIVersion+" "+head.Kind]
	switch {
	case known:
		o := create()
		if err := unmarshal(raw, o, create()); err != nil {
			return nil, nil, within("", fmt.Errorf("%s: %w", what, err))
		}
		if kind, _ := objects.KindOf(o); namespaced(kind) && o.GetNamespace() == "" {
			o.SetNamespace(c.defaultNamespace)
		}
		return []metav1.Object{o}, nil, nil
	case c.former && formerIngresses[head.APIVersion] && head.Kind == "Ingress":
		o := new(networkingv1beta1.Ingress)
		if err := unmarshal(raw, o, new(networkingv1beta1.Ingress)); err != nil {
			return nil, nil, within("", fmt.Errorf("%s: %w", what, err))
		}
		o.Namespace = cmp.Or(o.Namespace, c.defaultNamespace)
		return []metav1.Object{presentIngress(o)}, nil, nil
	case strings.HasSuffix(head.Kind, "List"):
		return c.items(head.Items, what)
	}
	if create := workloads[head.APIVersion+" "+head.Kind]; create != nil {
		o := create()
		if json.Unmarshal(raw, o) != nil {
			return nil, []string{what}, nil //nolint:nilerr // such kinds are read for their endpoints, and are not checked
		}
		if head.Kind != string(objects.Node) {
			o.SetNamespace(cmp.Or(o.GetNamespace(), c.defaultNamespace))
		}
		return []metav1.Object{o}, nil, nil
	}
	if err := mistaken(head.TypeMeta, what); err != nil {
		return nil, nil, err
	}
	return nil, []string{what}, nil
}

// items reads the objects of a list.
func (c decoder) items(list []json.RawMessage, what string) (found []metav1.Object, skipped []string, err error) {
	for i, item := range list {
		more, others, err := c.object(item)
		if err != nil {
			return nil, nil, within(fmt.Sprintf("items[%d]", i), fmt.Errorf("%s: item %d: %w", what, i, err))
		}
		found, skipped = append(found, more...), append(skipped, others...)
	}
	return found, skipped, nil
}

// mistaken is the error of a version that no cluster serves, or of a kind that a group which is read does not have.
func mistaken(of metav1.TypeMeta, what string) error {
	if served := servedVersion(of.APIVersion, of.Kind); served != "" {
		return at("apiVersion", fmt.Errorf("%s: no cluster serves this version; write apiVersion: %s", what, served))
	}
	if group := groupOf(of.APIVersion); slices.Contains(groups, group) && !slices.Contains(unread, of.APIVersion+" "+
		of.Kind) {
		return at("kind", fmt.Errorf("%s: there is no such kind; those of %s are %s", what, group,
			strings.Join(kindsOf(group), ", ")))
	}
	return nil
}

// unmarshal is as strict as the API server: it takes no field by another case, and no true for "true". spare is another
// object of the kind.
func unmarshal(raw []byte, o, spare any) error {
	strict, err := kjson.UnmarshalStrict(raw, o)
	if err != nil {
		return cmp.Or(mistyped(raw, spare), at("", plain(err)))
	}
	if len(strict) == 0 {
		return nil
	}
	path := ""
	if f, ok := strict[0].(kjson.FieldError); ok { //nolint:errorlint // the package's own, never wrapped
		path = f.FieldPath()
	}
	return at(path, strict[0])
}

// servedVersion is the version of a kind of ours whose apiVersion is another one of the same group; "" for others'
// kinds.
func servedVersion(apiVersion, kind string) string {
	latest := ""
	for _, k := range slices.Concat(slices.Collect(maps.Keys(kinds)), unread) {
		served, name, _ := strings.Cut(k, " ")
		if name != kind || groupOf(served) != groupOf(apiVersion) &&
			(name != "Ingress" || groupOf(apiVersion) != "extensions") {
			continue
		}
		if served == apiVersion {
			return ""
		}
		if latest == "" || version.CompareKubeAwareVersionStrings(versionOf(served), versionOf(latest)) > 0 {
			latest = served
		}
	}
	return latest
}

// kindsOf are the kinds of a group.
func kindsOf(group string) []string {
	var out []string
	for _, k := range slices.Concat(slices.Collect(maps.Keys(kinds)), unread) {
		if version, name, _ := strings.Cut(k, " "); groupOf(version) == group {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func groupOf(apiVersion string) string {
	group, _, ok := strings.Cut(apiVersion, "/")
	if !ok {
		return "" // the core group
	}
	return group
}

func versionOf(apiVersion string) string { return apiVersion[strings.Index(apiVersion, "/")+1:] }

// plain removes from an error of the decoders the words about their inner workings.
func plain(err error) error {
	text := err.Error()
	for _, prefix := range []string{"error converting YAML to JSON: ", "error unmarshaling JSON: ",
		"while decoding JSON: ", "json: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return errors.New(text)
}

func namespaced(k objects.Kind) bool {
	return k != objects.IngressClass && k != objects.IngressClassParams && k != objects.Namespace &&
		k != objects.GatewayClass
}
