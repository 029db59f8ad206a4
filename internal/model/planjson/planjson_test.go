package planjson

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func ptr[T any](v T) *T { return &v }

// everything has one resource of each kind, and every field that the JSON can show.
func everything() *stack.Stack {
	tg := stack.Ref{Kind: stack.KindTargetGroup, ID: "shop/web-front-api:80"}
	managed := stack.Ref{Kind: stack.KindSecurityGroup, ID: stack.ManagedSecurityGroup}
	backend := stack.Ref{Kind: stack.KindSecurityGroup, ID: stack.BackendSecurityGroup}
	tags := map[string]string{"Team": "web", "elbv2.k8s.aws/cluster": "demo"}
	return &stack.Stack{
		Key: stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web-front"}}, Cluster: "demo",
		VPC: "vpc-0aa",
		SecurityGroups: []stack.SecurityGroup{
			{ID: stack.ManagedSecurityGroup, Name: "k8s-shop-webfront-b665409a03",
				Description: "[k8s] Managed SecurityGroup for LoadBalancer", Tags: tags, Ingress: []stack.Permission{
					{Protocol: "tcp", FromPort: 443, ToPort: 443, CIDR: "0.0.0.0/0"},
					{Protocol: "tcp", FromPort: 443, ToPort: 443, IPv6CIDR: "::/0", Description: "all"},
					{Protocol: "icmp", FromPort: 3, ToPort: 4, PrefixList: "pl-1"},
					{Protocol: "-1", Group: stack.Literal(stack.KindSecurityGroup, "sg-0cc")},
				}},
			{ID: stack.BackendSecurityGroup, Name: "k8s-traffic-demo",
				Description: "[k8s] Shared Backend SecurityGroup for LoadBalancer", Shared: true},
		},
		Certificates: []stack.Certificate{
			{ID: "amazon_issued/wildcard.example.com-aa6ac661", Domain: "*.example.com", Names: []string{
				"*.example.com", "www.example.com"}, Tags: tags},
			{ID: "private/www.example.com-aa6ac661", Domain: "www.example.com", Names: []string{"www.example.com"},
				Authority: "arn:aws:acm-pca:us-west-2:1:certificate-authority/a"},
			{ID: "imported/shop-tls", Domain: "shop.example.com", Names: []string{"shop.example.com"}, Import: &stack.KeyPair{
				Certificate: "PEM", Key: stack.NewSecret("not to be seen", "k"), Algorithm: "EC_prime256v1", Hash: "h"}},
		},
		LoadBalancers: []stack.LoadBalancer{{
			ID: stack.LoadBalancerIdentity, Name: "k8s-shop-webfront-a928ab0da7", Type: stack.Application,
			Scheme: stack.InternetFacing, IPAddressType: stack.IPv4,
			Subnets: []stack.SubnetMapping{{Subnet: "subnet-0a1"}, {Subnet: "subnet-0b1", AllocationID: "eipalloc-1",
				PrivateIPv4: "10.0.0.9", IPv6: "2001:db8::9"}},
			SecurityGroups:   []stack.Ref{managed, backend, stack.Literal(stack.KindSecurityGroup, "sg-0dd")},
			Attributes:       map[string]string{"routing.http2.enabled": "true", "idle_timeout.timeout_seconds": "120"},
			NetworkSourceNAT: "off", Tags: tags, CustomerOwnedPool: "ipv4pool-coip-1", IPAMPool: "ipam-pool-1",
			AddOns: stack.AddOns{WebACL: ptr("arn:aws:wafv2:acl"), Shield: ptr(true), Capacity: ptr(int32(100))},
		}},
		Listeners: []stack.Listener{{
			ID: "443", LoadBalancer: stack.Ref{Kind: stack.KindLoadBalancer, ID: stack.LoadBalancerIdentity}, Port: 443,
			Protocol: "HTTPS",
			DefaultActions: []stack.Action{{Type: stack.ActionAuthenticateOIDC, OIDC: &stack.AuthenticateOIDC{
				Issuer: "https://i", AuthorizationEndpoint: "https://a", TokenEndpoint: "https://t", UserInfoEndpoint: "https://u",
				Session: stack.Session{OnUnauthenticated: "deny", Scope: "openid", Cookie: "c", TimeoutSeconds: 60,
					ExtraParams: map[string]string{"prompt": "login"}},
				ClientID: stack.NewSecret("shh", "k"), ClientSecret: stack.NewSecret("hush", "k"),
			}}, {Type: stack.ActionAuthenticateCognito, Cognito: &stack.AuthenticateCognito{UserPoolARN: "arn:pool",
				UserPoolClientID: "id", UserPoolDomain: "d"}},
				{Type: stack.ActionValidateJWT, JWT: &stack.ValidateJWT{JWKSEndpoint: "https://j", Issuer: "https://i",
					Claims: []stack.Claim{{Format: "single-string", Name: "aud", Values: []string{"x"}}}}},
				{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{
					StatusCode: "404", ContentType: "text/plain"}}},
			SSLPolicy: "ELBSecurityPolicy-2016-08", Certificates: []string{"arn:aws:acm:us-west-2:1:certificate/c1"},
			SNI: []string{"arn:aws:acm:us-west-2:1:certificate/c1", "arn:aws:acm:us-west-2:1:certificate/c2"}, ALPN: "HTTP2Only",
			Attributes: map[string]string{"b": "2", "a": "1"}, Tags: tags,
			Mutual: &stack.MutualAuthentication{Mode: stack.MutualVerify, TrustStore: "arn:aws:truststore",
				AdvertiseNames: true},
		}},
		Rules: []stack.Rule{{
			ID: "443:1", Listener: stack.Ref{Kind: stack.KindListener, ID: "443"}, Order: 1,
			Conditions: []stack.Condition{
				{Field: stack.HostHeader, Values: []string{"www.example.com"}},
				{Field: stack.PathPattern, Regex: []string{"^/api/.+$"}},
				{Field: stack.HTTPHeader, HeaderName: "X-Env", Values: []string{"dev"}},
				{Field: stack.RequestMethod, Values: []string{"GET"}},
				{Field: stack.QueryString, Query: []stack.QueryValue{{Key: "a", Value: "1 & 2"}, {Value: "x"}}},
				{Field: stack.SourceIP, Values: []string{"192.0.2.0/24"}},
			},
			Actions: []stack.Action{{Type: stack.ActionForward, Forward: &stack.Forward{
				TargetGroups: []stack.WeightedTargetGroup{{TargetGroup: tg, Weight: ptr(int32(80))},
					{TargetGroup: stack.Literal(stack.KindTargetGroup, "arn:aws:tg"), Weight: ptr(int32(0))}},
				Stickiness: &stack.Stickiness{Enabled: true, DurationSeconds: 60},
			}}},
			Transforms: []stack.Transform{
				{Type: "url-rewrite", Rewrites: []stack.Rewrite{{Regex: "^/api/(.*)$", Replace: "/$1"}}},
				{Type: "host-header-rewrite", Rewrites: []stack.Rewrite{{Regex: "^.*$", Replace: "in.example.com"}}},
			},
			Tags: tags,
		}, {
			ID: "443:2", Listener: stack.Ref{Kind: stack.KindListener, ID: "443"}, Order: 2,
			Conditions: []stack.Condition{{Field: stack.PathPattern, Values: []string{"/*"}}},
			Actions: []stack.Action{{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Port: "443", Protocol: "HTTPS",
				StatusCode: "HTTP_301"}}},
		}},
		TargetGroups: []stack.TargetGroup{{
			ID: "shop/web-front-api:80", Name: "k8s-shop-api-ef5ede8cb0", TargetType: stack.TargetIP, Port: 8080,
			Protocol: "HTTP", ProtocolVersion: "GRPC", IPAddressType: stack.IPv4,
			ControlPort: 3000,
			HealthCheck: stack.HealthCheck{Protocol: "HTTP", Port: stack.TrafficPort, Path: "/healthz", Matcher: "12",
				IntervalSeconds: 15, TimeoutSeconds: 5, HealthyThreshold: 2, UnhealthyThreshold: 2},
			Attributes: map[string]string{"stickiness.enabled": "false", "deregistration_delay.timeout_seconds": "30"},
			Tags:       tags,
		}, {
			ID: "shop/web-front-site:http", Name: "k8s-shop-site-0000000000", TargetType: stack.TargetInstance, Port: 30080,
			Protocol: "HTTP", ProtocolVersion: "HTTP1",
			HealthCheck: stack.HealthCheck{Protocol: "HTTP", Port: "8081", Matcher: "200"},
		}, {
			ID: "FrontendNlb-tg-TCP-443", Name: "k8s-shop-webfront-840b59972c", TargetType: stack.TargetALB, Port: 443,
			Protocol: "TCP",
			Balancer: stack.Ref{Kind: stack.KindLoadBalancer, ID: stack.LoadBalancerIdentity},
		}},
		Bindings: []stack.Binding{{
			ID: "shop/web-front-api:80", Name: "k8s-shop-api-ef5ede8cb0", Namespace: "shop", Labels: map[string]string{
				"ingress.k8s.aws/stack-name": "web-front", "ingress.k8s.aws/stack-namespace": "shop"},
			TargetGroup: tg, TargetType: stack.TargetIP, Protocol: "HTTP", ServiceName: "api", ServicePort: "80",
			IPAddress: stack.IPv4, VPC: "vpc-0aa", MultiCluster: true,
			NodeLabels: map[string]string{"pool": "web"}, NodeExpressions: []stack.NodeExpression{
				{Key: "gpu", Operator: "DoesNotExist"}},
			Networking: []stack.NetworkingRule{
				{FromGroups: []stack.Ref{backend}, Ports: []stack.NetworkingPort{{Protocol: "TCP", Port: "8080"},
					{Protocol: "TCP", Port: "web"}}},
				{FromCIDRs: []string{"10.0.0.0/16"}, Ports: []stack.NetworkingPort{{}}},
			},
		}},
	}
}

func TestAStackIsWrittenInTheShapeThatReadersOfPlansKnow(t *testing.T) {
	t.Parallel()
	text, err := Marshal(everything())
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := json.Indent(&got, text, "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	goldenfile.Compare(t, "testdata/everything.json", got.String())
}

func TestAnEmptyStackHasAnIDAndNoResources(t *testing.T) {
	t.Parallel()
	for id, want := range map[stack.ID]string{
		{Namespace: "shop", Name: "web"}: `{"id":"shop/web","resources":{}}`,
		{Name: "team"}:                   `{"id":"team","resources":{}}`,
	} {
		got, err := Marshal(&stack.Stack{Key: stack.Key{Owner: stack.Ingress, ID: id}})
		if err != nil || string(got) != want {
			t.Errorf("%v: %s, %v", id, got, err)
		}
	}
}

func TestTheSameStackIsAlwaysTheSameText(t *testing.T) {
	t.Parallel()
	first, err := Marshal(everything())
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if again, _ := Marshal(everything()); !bytes.Equal(first, again) {
			t.Fatalf("%s\n%s", first, again)
		}
	}
}

func TestEveryReferenceLeadsToAResource(t *testing.T) {
	t.Parallel()
	text, err := Marshal(everything())
	if err != nil {
		t.Fatal(err)
	}
	var d struct{ Resources map[string]map[string]any }
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for kind, byID := range d.Resources {
		for id := range byID {
			known["#/resources/"+kind+"/"+id] = true
		}
	}
	refs := 0
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				refs++
				if !known[ref[:bytes.LastIndex([]byte(ref), []byte("/status/"))]] {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, x := range v {
				walk(x)
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	for _, byID := range d.Resources {
		for _, r := range byID {
			walk(r)
		}
	}
	if refs < 6 {
		t.Errorf("only %d references were found", refs)
	}
}
