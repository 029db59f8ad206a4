package chaos

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
)

// gatewayEdits are the objects around two Gateways, each with the contents that an edit may give it; an empty one
// stands for its deletion.
var gatewayEdits = map[string][]string{
	"Gateway shop/web": {
		"{spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP}]}}",
		"{spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP}, {name: own, port: 80, " +
			"protocol: HTTP, hostname: own.example.com}]}}",
		"{spec: {gatewayClassName: alb, allowedListeners: {namespaces: {from: Same}}, listeners: [{name: http, port: 80, " +
			"protocol: HTTP}, {name: alt, port: 8080, protocol: HTTP}]}}",
		"{spec: {gatewayClassName: auto, listeners: [{name: http, port: 80, protocol: HTTP}, {name: tcp, port: 9000, " +
			"protocol: TCP}]}}",
		"{spec: {gatewayClassName: nlb, listeners: [{name: tcp, port: 80, protocol: TCP}, {name: udp, port: 53, " +
			"protocol: UDP}]}}",
		"",
	},
	"Gateway shop/edge": {
		"{spec: {gatewayClassName: nlb, listeners: [{name: tcp, port: 80, protocol: TCP}]}}",
		"{spec: {gatewayClassName: auto, listeners: [{name: tcp, port: 80, protocol: TCP}]}}",
		"{spec: {gatewayClassName: alb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: " +
			"LoadBalancerConfiguration, name: edge}}, listeners: [{name: http, port: 80, protocol: HTTP}, {name: https, port: " +
			"443, protocol: HTTPS}]}}",
		"",
	},
	"LoadBalancerConfiguration shop/edge": {
		`{spec: {listenerConfigurations: [{protocolPort: "HTTPS:443", defaultCertificate: "` + lab.CrashCertificate + `"}]}}`,
		`{spec: {scheme: internet-facing, listenerConfigurations: [{protocolPort: "HTTPS:443", defaultCertificate: "` +
			lab.CrashCertificate + `"}]}}`,
	},
	"ListenerSet shop/more": {
		"{spec: {parentRef: {name: web}, listeners: [{name: more, port: 8081, protocol: HTTP}]}}",
		"{spec: {parentRef: {name: edge}, listeners: [{name: more, port: 8081, protocol: HTTP}]}}",
		"",
	},
	"HTTPRoute shop/web": {
		"{spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: web, port: 80}]}]}}",
		"{spec: {parentRefs: [{name: web}, {name: edge}], rules: [{matches: [{path: {type: PathPrefix, value: /a}}], " +
			"backendRefs: [{name: web, port: 80, weight: 2}, {name: api, port: 80}]}, {backendRefs: [{name: none, " +
			"port: 80}]}]}}",
		"{spec: {parentRefs: [{name: edge}], hostnames: [own.example.com], rules: [{filters: [{type: RequestRedirect, " +
			"requestRedirect: {scheme: https}}]}]}}",
		"",
	},
	"HTTPRoute shop/api": {
		"{spec: {parentRefs: [{name: web}], hostnames: [own.example.com, api.example.com], rules: [{matches: [{path: " +
			"{type: PathPrefix, value: /api}, method: GET}, {path: {type: Exact, value: /v1}}], backendRefs: [{name: api, " +
			"port: 80}]}]}}",
		"{spec: {parentRefs: [{name: web, sectionName: own}], rules: [{backendRefs: [{name: api, port: 80}]}]}}",
		"{spec: {parentRefs: [{group: gateway.networking.k8s.io, kind: ListenerSet, name: more}], rules: [{backendRefs: " +
			"[{name: api, namespace: pay, port: 80}]}]}}",
		"",
	},
	"TCPRoute shop/net": {
		"{spec: {parentRefs: [{name: edge}], rules: [{backendRefs: [{name: web, port: 80}]}]}}",
		"{spec: {parentRefs: [{name: web}, {name: edge}], rules: [{backendRefs: [{name: api, port: 80, weight: 5}, {name: " +
			"web, port: 80}]}]}}",
		"",
	},
	"Service shop/web": {
		"{spec: {ports: [{port: 80, targetPort: 8080}]}}", "{spec: {ports: [{port: 80, targetPort: 9090}]}}", "",
	},
	"TargetGroupConfiguration shop/web": {
		"{spec: {targetReference: {name: web}, defaultConfiguration: {healthCheckConfig: {healthCheckPort: \"9000\", " +
			"healthCheckInterval: 20}}}}", "",
	},
	"TargetGroupConfiguration shop/api": {
		`{spec: {targetReference: {name: api}, routeConfigurations: [{routeIdentifier: {kind: HTTPRoute, namespace: shop, name: api}, targetGroupProps: {targetGroupName: storefront}}]}}`,
		`{spec: {targetReference: {name: api}, routeConfigurations: [{routeIdentifier: {kind: HTTPRoute, namespace: shop, name: api}, targetGroupProps: {targetGroupName: shopfront, protocol: HTTPS}}]}}`,
		"",
	},
	"ReferenceGrant pay/shop": {
		`{spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}], to: [{group: "", kind: Service}]}}`, "",
	},
}

// gatewayEditsAlways are the objects that no edit changes.
const gatewayEditsAlways = lab.GatewayClasses + `
GatewayClass /auto {spec: {controllerName: gateway.k8s.aws/auto}}
Namespace /pay {}
Service shop/api {spec: {ports: [{port: 80, targetPort: 8080}]}}
Service pay/api {spec: {ports: [{port: 80, targetPort: 8080}]}}`

// gatewaySoakSteps is how many edits a seed has.
const gatewaySoakSteps = 25

// TestRandomEditsOfGatewaysEndWhereAFreshStartDoes edits the objects around two Gateways at random, with restarts
// between passes and in their middle, and compares account and statuses with what a fresh start makes of the last
// version of each object.
func TestRandomEditsOfGatewaysEndWhereAFreshStartDoes(t *testing.T) {
	t.Parallel()
	for n := range cmp.Or(*seeds, sample.Count(1, 12)) {
		seed := *firstSeed + n
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			gatewaySoak(t, uint64(seed))
		})
	}
}

func gatewaySoak(t *testing.T, seed uint64) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 11))
	kept := map[string]string{}
	var story []string
	l := gatewaySoakLab(t, gatewayEditsAlways, seed%2 == 0)
	names := slices.Sorted(maps.Keys(gatewayEdits))
	edit := func(name string) {
		contents := gatewayEdits[name]
		content := contents[random.IntN(len(contents))]
		switch {
		case content != "":
			l.Apply(name + " " + content)
		case kept[name] != "":
			for _, o := range lab.GatewayObjects(t, name+" {}") {
				l.Must(client.IgnoreNotFound(l.Client.Delete(t.Context(), o)))
			}
		}
		kept[name] = content
		story = append(story, name+" "+content)
		if name == "Service shop/web" {
			webListensAt(l, content)
		}
	}
	for _, name := range names {
		edit(name)
	}
	for range gatewaySoakSteps {
		for range 1 + random.IntN(3) {
			edit(names[random.IntN(len(names))])
		}
		switch random.IntN(6) {
		case 0:
			story = append(story, "the process ends at a call")
			l.EndAtCall(random.IntN(12), 3, 0, gatewayCrashKeys...)
			l.Restart()
		case 1:
			story = append(story, "the process ends")
			if l.Checkpointed {
				l.End()
			}
			l.Restart()
		case 2:
			gatewayWait(l)
		default:
			l.PassWith(time.Duration(random.IntN(5000))*time.Millisecond, gatewayCrashKeys...)
		}
	}
	gatewayWait(l)
	text := gatewayEditsAlways
	for _, name := range names {
		if kept[name] != "" {
			text += "\n" + name + " " + kept[name]
			l.Apply(name + " " + kept[name]) // an edit of an object that was being deleted is lost
		}
	}
	for range 2 {
		gatewayWait(l)
	}
	fresh := gatewaySoakLab(t, text, false)
	webListensAt(fresh, kept["Service shop/web"])
	gatewayWait(fresh)
	if d := lab.LinesApart(gatewayAccount(l), gatewayAccount(fresh)); d != "" {
		t.Errorf("after\n%s\nthe account (+) is not that of a fresh start (-):\n%s\n%s", strings.Join(story, "\n"), d,
			strings.Join(l.Events, "\n"))
	}
	if d := lab.LinesApart(gatewayStatuses(l), gatewayStatuses(fresh)); d != "" {
		t.Errorf("after\n%s\nthe statuses (+) are not those of a fresh start (-):\n%s", strings.Join(story, "\n"), d)
	}
}

// webListensAt has the EndpointSlice of Service web follow the target port of its content, as the cluster has it.
func webListensAt(l *lab.Lab, content string) {
	slice := &discoveryv1.EndpointSlice{}
	l.Get(slice, "web-a")
	slice.Ports[0].Port = ptr.To[int32](8080)
	if strings.Contains(content, "9090") {
		slice.Ports[0].Port = ptr.To[int32](9090)
	}
	l.Must(l.Client.Update(l.Context(), slice))
}

// gatewaySoakLab has pods of all Services.
func gatewaySoakLab(t *testing.T, text string, keeps bool) *lab.Lab {
	t.Helper()
	l := lab.New(t, account.Profile{}, append(lab.GatewayObjects(t, text),
		lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))...)
	for n, name := range []string{"web", "api"} {
		l.Create(lab.ChaosEndpoints(name, "a", lab.SoakAddress(n, 0))...)
	}
	l.Flags("--default-target-type=ip")
	l.Checkpointed = keeps
	l.Restart()
	return l
}

// gatewayAccount is the account in what means something: values of a condition in one order, and target groups by what
// they are for, since one has another name where its own was taken.
func gatewayAccount(l *lab.Lab) string {
	same := []string{"own.example.com or api.example.com", "api.example.com or own.example.com"}
	for _, tg := range l.Sim.Resources().TargetGroups {
		same = append(same, tg.Name, "target group for "+cmp.Or(tg.Tags["gateway.k8s.aws.alb/resource"],
			tg.Tags["gateway.k8s.aws.nlb/resource"]))
	}
	return strings.NewReplacer(same...).Replace(l.Account())
}
