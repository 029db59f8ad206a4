package unread

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/permission"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
)

// clusters are those whose reads fail.
var clusters = []*lab.Unread{
	{Name: "a group", Lab: sharedLab, Keys: sharedKeys, Edits: sharedEdits, Deletions: deletionOf(lab.Ingress("b", nil),
		lab.CrashBalancer("net"))},
	{Name: "guards", Lab: guardsLab, Keys: guardKeys, Edits: guardEdits, Deletions: deletionOf(
		lab.Ingress("guarded", nil))},
	{Name: "many", Lab: manyLab, Keys: lab.ManyKeys, Edits: manyEdits, Deletions: deletionOf(lab.Ingress("web", nil),
		lab.CrashBalancer("edge"))},
	{Name: "rare resources", Lab: restLab, Keys: lab.RestKeys, Edits: restEdits, Deletions: deletionOf(
		gatewayNamed("web"), gatewayNamed("edge"))},
	{Name: "tagging API", Lab: taggingLab, Keys: sharedKeys, Edits: map[string]func(l *lab.Lab){
		"a redirect": sharedEdits["a redirect"], "a tag of a load": sharedEdits["a tag of a load"]}},
}

// deletionOf are the deletions of objects.
func deletionOf(all ...client.Object) map[string]client.Object {
	out := map[string]client.Object{}
	for _, o := range all {
		out["deletion of "+o.GetName()] = o
	}
	return out
}

func gatewayNamed(name string) client.Object {
	return &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
}

// manyLab owns certificates, and has most resources of a load balancer.
func manyLab(t *testing.T) *lab.Lab {
	t.Helper()
	l := lab.ManyLab(t, false)
	lab.LifeOfMany[0].Does(l)
	l.ManyWait(15 * time.Minute)
	return l
}

var manyEdits = map[string]func(l *lab.Lab){
	"another host of a request": func(l *lab.Lab) {
		l.Edit("asked", func(i *networkingv1.Ingress) { i.Spec.Rules[0].Host = "other.asked.dev" })
	},
	"a renewed Secret":     func(l *lab.Lab) { l.Renew("tls") },
	"a tag of the guarded": func(l *lab.Lab) { l.Annotate("guarded", "tags", "team=shop") },
	"a tag of the web":     func(l *lab.Lab) { l.Annotate("web", "tags", "stage=test,team=shop") },
	"an attribute of a NLB": func(l *lab.Lab) {
		l.Balancer("edge", "attributes", "load_balancing.cross_zone.enabled=true")
	},
	"another pod": func(l *lab.Lab) { l.Scale("s1", lab.SoakAddress(1, 0), lab.SoakAddress(1, 1)) },
}

// restLab has what is rare: prefix lists, logins, Outposts, more rules than AWS's default, addresses of the account.
func restLab(t *testing.T) *lab.Lab {
	t.Helper()
	l := lab.RestLab(t)
	l.CreateRest()
	l.PassWith(15*time.Minute, lab.RestKeys...)
	return l
}

var restEdits = map[string]func(l *lab.Lab){
	"a tag of the login":   func(l *lab.Lab) { l.Annotate("login", "tags", "stage=test,team=shop") },
	"a tag of the outpost": func(l *lab.Lab) { l.Annotate("outpost", "tags", "team=shop") },
	"another pod":          func(l *lab.Lab) { l.Scale("s1", lab.SoakAddress(1, 0), lab.SoakAddress(1, 1)) },
	"another authority": func(l *lab.Lab) {
		ca := &corev1.ConfigMap{}
		l.Get(ca, "ca")
		ca.Data["ca.crt"] = lab.AuthorityPEM(l.T, "second")
		l.Must(l.Client.Update(l.Context(), ca))
	},
	"a tag of the wide": func(l *lab.Lab) { l.Annotate("wide", "tags", "team=shop") },
}

// taggingLab finds resources by the tagging API, as it has more target groups than DescribeTags takes in a call.
func taggingLab(t *testing.T) *lab.Lab {
	t.Helper()
	l := sharedLab(t)
	for n := range 21 {
		_, err := l.Sim.Balancing.CreateTargetGroup(l.Context(), &elbv2.CreateTargetGroupInput{
			Name: aws.String(fmt.Sprintf("other-%d", n)), TargetType: elbtypes.TargetTypeEnumIp, Port: aws.Int32(80),
			Protocol: elbtypes.ProtocolEnumHttp, VpcId: aws.String(lab.VPC)})
		l.Must(err)
	}
	l.Must(l.Config.Gates.Set("EnableRGTAPI=true"))
	l.Restart()
	l.Settle(sharedKeys...)
	return l
}

// otherReads are reads that other tests have fail, or that the controller does not make.
var otherReads = map[string]string{
	"cognito-idp:DescribeUserPoolClient": "AWS makes it for CreateRule",
	"s3:GetObject":                       "AWS makes it for CreateTrustStore",
	"sts:AssumeRole":                     "TestFailedRoleTakesNoTargetAway, of package accounts",
	"sts:GetCallerIdentity":              "TestFailedRoleTakesNoTargetAway, of package accounts",
}

// TestFailedReadTakesNothingAway has each read of AWS fail in each way, during edits:
// what serves before and after the edits serves meanwhile, nothing else does, and the edits are in effect once the read
// works again. With -short, it takes some of the lives and of their reads.
func TestFailedReadTakesNothingAway(t *testing.T) {
	t.Parallel()
	reads := allReads()
	lab.TryUnread(t, clusters, reads, lab.UnreadSample{Lives: sample.OneOf(53), Tries: sample.OneOf(37)})
}

// TestFailedServiceTakesNothingAway has all reads of each AWS service fail together in each way, and then those of each
// two services. The short form is that of TestFailedReadTakesNothingAway.
func TestFailedServiceTakesNothingAway(t *testing.T) {
	t.Parallel()
	lab.TryUnread(t, clusters, services(allReads()), lab.UnreadSample{Lives: sample.OneOf(53),
		Tries: sample.OneOf(29)})
}

// TestFailedPairTakesNothingAway has two reads fail together, each read with a few others.
func TestFailedPairTakesNothingAway(t *testing.T) {
	t.Parallel()
	reads := allReads()
	var pairs []string
	for n, read := range reads {
		for _, distance := range []int{1, 7, 16} {
			pairs = append(pairs, lab.Together(read, reads[(n+distance)%len(reads)]))
		}
	}
	lab.TryUnread(t, clusters, pairs, lab.UnreadSample{Lives: sample.OneOf(53), Tries: sample.OneOf(151)})
}

// services are the reads of each service together, and those of each two services.
func services(reads []string) (out []string) {
	of := map[string][]string{}
	for _, read := range reads {
		service, _, _ := strings.Cut(read, ":")
		of[service] = append(of[service], read)
	}
	names := slices.Sorted(maps.Keys(of))
	for _, name := range names {
		out = append(out, lab.Together(of[name]...))
	}
	for n, name := range names {
		for _, other := range names[n+1:] {
			out = append(out, lab.Together(slices.Concat(of[name], of[other])...))
		}
	}
	return out
}

// allReads are the reads that the controller may make, without those of Global Accelerator, which
// TestFailedReadTakesNoEndpointAway of package accelerator has fail.
func allReads() (out []string) {
	for _, o := range permission.Operations {
		service, action, _ := strings.Cut(o.Permission, ":")
		if awsclient.IsRead(action) && service != "globalaccelerator" && otherReads[o.Permission] == "" {
			out = append(out, o.Permission)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
