package awscoverage

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/permission"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
)

//go:embed table.yaml
var tableText []byte

// row says how a user asks for something, or why nobody can.
type row struct {
	How string `json:"how"`
	Why string `json:"why"`
}

// table is table.yaml.
type table struct {
	// Operations are those that the controller does not call; awsclient has the others.
	Operations map[string]row `json:"operations"`
	// Attributes are those that package constraint does not know; the controller passes on the others as they are.
	Attributes   map[string]map[string]row `json:"attributes"`
	Conditions   map[string]row            `json:"conditions"`
	Enumerations map[string]enumeration    `json:"enumerations"`
}

// enumeration is a type of the SDK. All answers for the values that have no row of their own.
type enumeration struct {
	All    *row           `json:"all"`
	Values map[string]row `json:"values"`
}

// attributeTypes are the SDK's types of attributes, in the order of the page, and where users set them.
var attributeTypes = []struct {
	name string
	kind constraint.Kind
	how  string
}{
	{"LoadBalancerAttribute", constraint.LoadBalancer, "`load-balancer-attributes`, `aws-load-balancer-attributes` or " +
		"`loadBalancerAttributes`"},
	{"TargetGroupAttribute", constraint.TargetGroup, "`target-group-attributes`, `aws-load-balancer-target-group-" +
		"attributes` or `targetGroupAttributes`"},
	{"ListenerAttribute", constraint.Listener, "`listener-attributes.PROTOCOL-PORT`, `aws-load-balancer-listener-" +
		"attributes.PROTOCOL-PORT` or `listenerAttributes`"},
}

func readTable() (*table, error) {
	t := &table{}
	if err := yaml.UnmarshalStrict(tableText, t); err != nil {
		return nil, fmt.Errorf("table.yaml: %w", err)
	}
	return t, nil
}

// page collects the text, and what the table lacks or has too much.
type page struct {
	strings.Builder
	sdk      *SDK
	table    *table
	problems []string
}

// Page is docs/aws-coverage.md. It is an error if the SDK has something that the table lacks, or the other way round.
func Page() (string, error) {
	sdk, err := Read()
	if err != nil {
		return "", err
	}
	t, err := readTable()
	if err != nil {
		return "", err
	}
	text, problems := write(sdk, t)
	if len(problems) > 0 {
		return "", fmt.Errorf("hack/awscoverage/table.yaml:\n%s", strings.Join(problems, "\n"))
	}
	return text, nil
}

func write(sdk *SDK, t *table) (text string, problems []string) {
	p := &page{sdk: sdk, table: t}
	fmt.Fprintf(&p.Builder, head, sdk.Version)
	p.operations()
	p.attributes()
	p.heading("Conditions", "Fields of rule conditions.\nAn annotation `conditions.NAME` of an Ingress, a match of a "+
		"route or `conditions` of a ListenerRuleConfiguration asks for them.")
	p.rows(sdk.Conditions, t.Conditions, "condition")
	p.enumerations()
	return p.String(), p.problems
}

const head = `# What AWS offers, and what the controller supports

For users who look for a feature of Elastic Load Balancing.
Afterwards you know whether the controller supports it, and how you ask for it.

This page is generated (` + "`go run ./hack/gendocs`" + `).
It lists everything that AWS's SDK for Go has in ` + "`elasticloadbalancingv2` %s" + `, the version that the controller links.
A test fails if the SDK has something that this page lacks.

Names of annotations are without their prefix.
Names that begin with ` + "`aws-load-balancer-`" + ` are annotations of Services, with prefix ` +
	"`service.beta.kubernetes.io/`" + `.
Other names of annotations, such as ` + "`listen-ports`" + `, are annotations of Ingresses, with prefix ` +
	"`alb.ingress.kubernetes.io/`" + `.
All other names are fields of IngressClassParams and of the [configurations of Gateways](gateway-reference.md).

A LoadBalancer object is a [custom resource](operations/observing.md) in which the controller shows the state of a ` +
	"load balancer (`kubectl get lb`).\n"

func (p *page) heading(name, about string) {
	fmt.Fprintf(&p.Builder, "\n## %s\n\n%s\n\n", name, about)
}

func (p *page) problem(format string, values ...any) {
	p.problems = append(p.problems, fmt.Sprintf(format, values...))
}

// line writes a row of a page's table.
func (p *page) line(name string, r row) {
	switch {
	case (r.How == "") == (r.Why == ""):
		p.problem("%s needs either how or why", name)
	case r.How != "":
		fmt.Fprintf(&p.Builder, "| `%s` | yes | %s |\n", name, r.How)
	default:
		fmt.Fprintf(&p.Builder, "| `%s` | no | %s |\n", name, r.Why)
	}
}

func (p *page) begin(what string) {
	fmt.Fprintf(&p.Builder, "| %s | Supported | How to ask for it, or why not |\n|---|---|---|\n", what)
}

// rows writes the names of the SDK with their rows of the table.
func (p *page) rows(names []string, have map[string]row, what string) {
	p.begin(strings.ToUpper(what[:1]) + what[1:])
	for _, name := range names {
		r, ok := have[name]
		if !ok {
			p.problem("%s %s of the SDK has no row", what, name)
			continue
		}
		p.line(name, r)
	}
	p.stale(names, have, what)
}

// stale reports rows of what the SDK does not have.
func (p *page) stale(names []string, have map[string]row, what string) {
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if !slices.Contains(names, name) {
			p.problem("%s %s has a row and is not in the SDK", what, name)
		}
	}
}

func (p *page) operations() {
	p.heading("Operations", "The controller calls an operation for the purpose that the row names.\n"+
		"[permissions.md](permissions.md) lists the IAM actions.")
	have := maps.Clone(p.table.Operations)
	if have == nil {
		have = map[string]row{}
	}
	for name, o := range permission.Operations {
		if o.Service != awsclient.ServiceELBV2 {
			continue
		}
		if _, ok := have[name]; ok {
			p.problem("operation %s is called, and has a row", name)
		}
		have[name] = row{How: o.Purpose}
	}
	p.rows(p.sdk.Operations, have, "operation")
}

func (p *page) attributes() {
	p.heading("Attributes", "The controller passes attributes on as they are, also those that AWS adds after this "+
		"version.\nBefore it calls AWS, it reports values that AWS would refuse.")
	for _, t := range attributeTypes {
		names, have := p.sdk.Attributes[t.name], maps.Clone(p.table.Attributes[t.name])
		if have == nil {
			have = map[string]row{}
		}
		for _, a := range constraint.Attributes {
			if a.Kind == t.kind && slices.Contains(names, a.Key) {
				have[a.Key] = row{How: t.how}
			}
		}
		fmt.Fprintf(&p.Builder, "### %s\n\n", t.name)
		p.rows(names, have, "attribute")
		p.WriteString("\n")
	}
}

func (p *page) enumerations() {
	p.heading("Enumerations", "All values of the SDK's enumerations, such as actions (ActionTypeEnum), "+
		"transforms (TransformTypeEnum), protocols and target types.")
	for _, name := range slices.Sorted(maps.Keys(p.sdk.Enumerations)) {
		values, e := p.sdk.Enumerations[name], p.table.Enumerations[name]
		have := maps.Clone(e.Values)
		if have == nil {
			have = map[string]row{}
		}
		for _, v := range values {
			if _, ok := have[v]; !ok && e.All != nil {
				have[v] = *e.All
			}
		}
		fmt.Fprintf(&p.Builder, "### %s\n\n", name)
		p.rows(values, have, "value")
		p.WriteString("\n")
	}
	for _, name := range slices.Sorted(maps.Keys(p.table.Enumerations)) {
		if p.sdk.Enumerations[name] == nil {
			p.problem("enumeration %s has a row and is not in the SDK", name)
		}
	}
}
