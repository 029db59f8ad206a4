package awsclient

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"

	"github.com/k8s-lbc/lbc/internal/model/partition"
)

// reached tells the endpoint and region of each client, by service.
func reached(c Clients) map[string][2]string {
	out := map[string][2]string{}
	for service, client := range map[string]any{
		ServiceELBV2: c.ELBV2, ServiceEC2: c.EC2, ServiceACM: c.ACM, ServiceSTS: c.STS, ServiceWAFv2: c.WAFv2,
		ServiceShield: c.Shield, ServiceRoute53: c.Route53,
	} {
		switch c := client.(type) {
		case *elbv2.Client:
			out[service] = [2]string{aws.ToString(c.Options().BaseEndpoint), c.Options().Region}
		case *ec2.Client:
			out[service] = [2]string{aws.ToString(c.Options().BaseEndpoint), c.Options().Region}
		case *acm.Client:
			out[service] = [2]string{aws.ToString(c.Options().BaseEndpoint), c.Options().Region}
		case *sts.Client:
			out[service] = [2]string{aws.ToString(c.Options().BaseEndpoint), c.Options().Region}
		case *wafv2.Client:
			out[service] = [2]string{aws.ToString(c.Options().BaseEndpoint), c.Options().Region}
		case *shield.Client:
			out[service] = [2]string{aws.ToString(c.Options().BaseEndpoint), c.Options().Region}
		case *route53.Client:
			out[service] = [2]string{aws.ToString(c.Options().BaseEndpoint), c.Options().Region}
		}
	}
	return out
}

func TestEachServiceIsReachedAtTheEndpointThatIsGivenForIt(t *testing.T) {
	t.Parallel()
	endpoints := map[string]string{}
	for _, s := range []string{ServiceELBV2, ServiceEC2, ServiceACM, ServiceSTS, ServiceWAFv2, ServiceShield,
		ServiceRoute53} {
		endpoints[s] = "http://127.0.0.1:1/" + s
	}
	got := reached(clients(aws.Config{Region: "eu-west-1"}, endpoints))
	for s, at := range endpoints {
		region := "eu-west-1"
		if s == ServiceShield || s == ServiceRoute53 {
			region = "us-east-1"
		}
		if got[s] != [2]string{at, region} {
			t.Errorf("%s: %v", s, got[s])
		}
	}
	for s, at := range reached(clients(aws.Config{Region: "eu-west-1"}, nil)) {
		if at[0] != "" {
			t.Errorf("%s: %v", s, at)
		}
	}
}

func TestServicesOfAllRegionsAreThoseOfThePartition(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]struct {
		partition string
		global    string // region that Shield and Route 53 are asked in; the SDK finds the partition's endpoint by it
	}{
		"us-west-2": {"aws", "us-east-1"}, "ap-southeast-7": {"aws", "us-east-1"},
		"cn-north-1": {"aws-cn", "cn-north-1"}, "us-gov-east-1": {"aws-us-gov", "us-gov-east-1"}, "eusc-de-east-1": {
			"aws-eusc", "eusc-de-east-1"},
		"us-iso-east-1": {"aws-iso", "us-iso-east-1"}, "us-isob-east-1": {"aws-iso-b", "us-isob-east-1"}, "eu-isoe-west-1": {
			"aws-iso-e", "eu-isoe-west-1"},
		"us-isof-south-1": {"aws-iso-f", "us-isof-south-1"},
	} {
		got := reached(clients(aws.Config{Region: region}, nil))
		if p := partition.Of(region); p != want.partition || got[ServiceShield][1] != want.global || got[ServiceRoute53][1] !=
			want.global {
			t.Errorf("%s is of %s, Shield in %s, Route 53 in %s", region, p, got[ServiceShield][1], got[ServiceRoute53][1])
		}
	}
}
