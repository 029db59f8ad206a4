package elbv2

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// attributeRow is one row of AWS's tables of attributes.
type attributeRow struct {
	key string
	// by kind, such as "alb=60 nlb=70"; a kind that is not named does not have the key; "-" is the empty value
	defaults string
	good     string // values that are accepted by the first kind
	bad      string // and those that are refused
}

func (r attributeRow) of() map[string]string {
	out := map[string]string{}
	for _, d := range strings.Fields(r.defaults) {
		kind, v, _ := strings.Cut(d, "=")
		out[kind] = strings.ReplaceAll(v, "-", "")
		if v != "-" {
			out[kind] = v
		}
	}
	return out
}

// describes checks that a kind has exactly the keys of the rows, with their defaults.
func describes(t *testing.T, kind string, rows []attributeRow, got map[string]string) {
	t.Helper()
	want := map[string]string{}
	for _, r := range rows {
		if v, ok := r.of()[kind]; ok {
			want[r.key] = v
		}
	}
	if !maps.Equal(got, want) {
		for _, key := range slices.Sorted(maps.Keys(want)) {
			if v, ok := got[key]; !ok || v != want[key] {
				t.Errorf("%s: %s is %q (present: %v), want %q", kind, key, v, ok, want[key])
			}
		}
		for key := range got {
			if _, ok := want[key]; !ok {
				t.Errorf("%s: %s should not be there", kind, key)
			}
		}
	}
}

// settles checks which values set accepts.
func (r attributeRow) settles(f *fixture, set func(key, value string) error) {
	f.t.Helper()
	for _, v := range strings.Fields(r.good) {
		if err := set(r.key, v); err != nil {
			f.t.Errorf("%s = %q: %v", r.key, v, err)
		}
	}
	for _, v := range strings.Fields(r.bad) {
		err := set(r.key, v)
		if err == nil {
			f.t.Errorf("%s = %q was accepted", r.key, v)
			continue
		}
		f.refused(err, "ValidationError", r.key)
	}
}

var loadBalancerRows = []attributeRow{
	{"deletion_protection.enabled", "alb=false nlb=false gwlb=false", "true false", "yes True 1"},
	{"load_balancing.cross_zone.enabled", "nlb=false alb=true gwlb=false", "true false", "yes"},
	{"access_logs.s3.enabled", "alb=false nlb=false", "false", "1"},
	{"access_logs.s3.bucket", "alb=- nlb=-", "logs", strings.Repeat("b", 64)},
	{"access_logs.s3.prefix", "alb=- nlb=-", "a a/b", "/a a/ AWSLogs a/AWSLogs/b"},
	{"ipv6.deny_all_igw_traffic", "dual=true dualpublic=false", "true false", "on"},
	{"zonal_shift.config.enabled", "alb=false nlb=false", "true false", "on"},
	{"idle_timeout.timeout_seconds", "alb=60", "1 4000", "0 4001 -1 x 1.5"},
	{"client_keep_alive.seconds", "alb=3600", "60 604800", "59 604801"},
	{"connection_logs.s3.enabled", "alb=false", "false", "0"},
	{"connection_logs.s3.bucket", "alb=-", "logs", strings.Repeat("b", 64)},
	{"connection_logs.s3.prefix", "alb=-", "a", "/a a/ AWSLogs"},
	{"health_check_logs.s3.enabled", "alb=false", "false", "0"},
	{"health_check_logs.s3.bucket", "alb=-", "logs", strings.Repeat("b", 64)},
	{"health_check_logs.s3.prefix", "alb=-", "a", "/a a/ AWSLogs"},
	{"routing.http.desync_mitigation_mode", "alb=defensive", "monitor strictest defensive", "off"},
	{"routing.http.drop_invalid_header_fields.enabled", "alb=false", "true false", "on"},
	{"routing.http.preserve_host_header.enabled", "alb=false", "true false", "on"},
	{"routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "alb=false", "true false", "on"},
	{"routing.http.xff_client_port.enabled", "alb=false", "true false", "on"},
	{"routing.http.xff_header_processing.mode", "alb=append", "preserve remove append", "none"},
	{"routing.http2.enabled", "alb=true", "false true", "on"},
	{"waf.fail_open.enabled", "alb=false", "true false", "on"},
	{"dns_record.client_routing_policy", "nlb=any_availability_zone",
		"availability_zone_affinity partial_availability_zone_affinity any_availability_zone", "affinity"},
}

func TestLoadBalancersHaveTheAttributesOfTheirType(t *testing.T) {
	t.Parallel()
	f := instant(t)
	public := func(in *elb.CreateLoadBalancerInput) { in.Scheme = "" }
	dual := func(in *elb.CreateLoadBalancerInput) { in.IpAddressType = "dualstack" }
	kinds := map[string]types.LoadBalancer{
		"alb": f.alb(), "nlb": f.nlb(), "gwlb": f.balancer("gateway", public),
		"dual": f.balancer("application", dual), "dualpublic": f.balancer("application", dual, public),
	}
	set := func(lb types.LoadBalancer, key, value string) error {
		_, err := f.ModifyLoadBalancerAttributes(f.ctx, &elb.ModifyLoadBalancerAttributesInput{
			LoadBalancerArn: lb.LoadBalancerArn,
			Attributes:      []types.LoadBalancerAttribute{{Key: &key, Value: &value}}})
		return err
	}
	for kind, lb := range kinds {
		out, err := f.DescribeLoadBalancerAttributes(f.ctx, &elb.DescribeLoadBalancerAttributesInput{
			LoadBalancerArn: lb.LoadBalancerArn})
		f.ok(err)
		got := map[string]string{}
		for _, a := range out.Attributes {
			got[*a.Key] = *a.Value
		}
		if strings.HasPrefix(kind, "dual") {
			got = map[string]string{"ipv6.deny_all_igw_traffic": got["ipv6.deny_all_igw_traffic"]}
		}
		describes(t, kind, loadBalancerRows, got)
	}
	for _, r := range loadBalancerRows {
		first, _, _ := strings.Cut(r.defaults, "=")
		r.settles(f, func(key, value string) error { return set(kinds[first], key, value) })
		for _, kind := range []string{"nlb", "gwlb"} {
			if _, has := r.of()[kind]; !has && !strings.HasPrefix(first, "dual") {
				f.refused(set(kinds[kind], r.key, "x"), "InvalidConfigurationRequest",
					"is not supported on load balancers with type")
			}
		}
	}
	many := &elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: kinds["alb"].LoadBalancerArn}
	for range 21 {
		many.Attributes = append(many.Attributes, types.LoadBalancerAttribute{Key: aws.String("waf.fail_open.enabled"),
			Value: aws.String("true")})
	}
	_, err := f.ModifyLoadBalancerAttributes(f.ctx, many)
	f.refused(err, "ValidationError", "'20'")
}

var targetGroupRows = []attributeRow{
	{deregDelay, "http=300 tcp=300 tls=300 udp=300 quic=300 alb=300 geneve=300", "0 3600", "-1 3601"},
	{"deregistration_delay.connection_termination.enabled", "tcp=false tls=false udp=true quic=false alb=false",
		"true false", "on"},
	{"stickiness.enabled", "http=false lambda=false tcp=false tls=false udp=false alb=false geneve=false",
		"true false", "on"},
	{"stickiness.type", "http=lb_cookie lambda=lb_cookie tcp=source_ip tls=source_ip udp=source_ip alb=source_ip " +
		"geneve=source_ip_dest_ip_proto", "app_cookie lb_cookie", "cookie"},
	{"stickiness.lb_cookie.duration_seconds", "http=86400 lambda=86400", "1 604800", "0 604801"},
	{appCookie + "cookie_name", "http=-", "SESSION", "AWSALB AWSALBAPP-0 AWSALBTG a=b a;b"},
	{appCookie + "duration_seconds", "http=86400", "1 604800", "0 604801"},
	{targetCrossZone, "http=use_load_balancer_configuration lambda=use_load_balancer_configuration " +
		"tcp=use_load_balancer_configuration tls=use_load_balancer_configuration udp=use_load_balancer_configuration " +
		"quic=use_load_balancer_configuration", "true false use_load_balancer_configuration", "maybe"},
	{algorithm + "type", "http=round_robin", "least_outstanding_requests weighted_random round_robin", "random"},
	{algorithm + "anomaly_mitigation", "http=off", "off", "true"},
	{"slow_start.duration_seconds", "http=0", "30 900 0", "1 29 901"},
	{"lambda.multi_value_headers.enabled", "lambda=false", "true false", "on"},
	{preserveClient, "tcp=false tls=false udp=true quic=true alb=true", "true false", "on"},
	{"proxy_protocol_v2.enabled", "tcp=false tls=false udp=false", "true false", "on"},
	{dnsFailover + "count", "http=1 tcp=1 tls=1 udp=1 quic=1 alb=1", "off 1 1000 1", "0 1001"},
	{dnsFailover + "percentage", "http=off tcp=off tls=off udp=off quic=off alb=off", "1 100 off", "0 101"},
	{unhealthyRoute + "count", "http=1 tcp=1 tls=1 udp=1 quic=1 alb=1", "1", "0 off 1001"},
	{unhealthyRoute + "percentage", "http=off tcp=off tls=off udp=off quic=off alb=off", "1 100 off", "0 101"},
	{terminate, "tcp=true tls=true alb=true", "false true", "on"},
	{drainInterval, "tcp=0 tls=0 alb=0", "0", "-1 360001"},
	{"target_failover.on_deregistration", "geneve=no_rebalance", "no_rebalance", "maybe"},
	{"target_failover.on_unhealthy", "geneve=no_rebalance", "no_rebalance", "maybe"},
}

func TestTargetGroupsHaveTheAttributesOfTheirProtocol(t *testing.T) {
	t.Parallel()
	f := instant(t)
	kinds := map[string]string{}
	for kind, of := range map[string]string{"http": "HTTP", "lambda": "lambda", "tcp": "TCP", "tls": "TLS", "udp": "UDP",
		"quic": "QUIC", "alb": "alb", "geneve": "GENEVE"} {
		kinds[kind] = f.group("", kindsOfGroups[of])
	}
	set := func(arn, key, value string) error {
		_, err := f.ModifyTargetGroupAttributes(f.ctx, &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: &arn,
			Attributes: []types.TargetGroupAttribute{{Key: &key, Value: &value}}})
		return err
	}
	for kind, arn := range kinds {
		out, err := f.DescribeTargetGroupAttributes(f.ctx, &elb.DescribeTargetGroupAttributesInput{TargetGroupArn: &arn})
		f.ok(err)
		got := map[string]string{}
		for _, a := range out.Attributes {
			got[*a.Key] = *a.Value
		}
		describes(t, kind, targetGroupRows, got)
	}
	for _, r := range targetGroupRows {
		first, _, _ := strings.Cut(r.defaults, "=")
		r.settles(f, func(key, value string) error { return set(kinds[first], key, value) })
		for kind, arn := range kinds {
			if _, has := r.of()[kind]; !has {
				f.refused(set(arn, r.key, "x"), "InvalidConfigurationRequest", "is not supported on target groups")
			}
		}
	}
}

var listenerRows = []attributeRow{
	{"tcp.idle_timeout.seconds", "tcp=350 tcpudp=350 tcpquic=350 gwlb=350", "60 6000", "59 6001"},
	{requestHeader + "x_amzn_mtls_clientcert_serial_number.header_name", "https=X-Amzn-Mtls-Clientcert-Serial-Number",
		"X-A", "a:b a,b"},
	{requestHeader + "x_amzn_mtls_clientcert_issuer.header_name", "https=X-Amzn-Mtls-Clientcert-Issuer", "X-A", "a:b"},
	{requestHeader + "x_amzn_mtls_clientcert_subject.header_name", "https=X-Amzn-Mtls-Clientcert-Subject", "X-A", "a:b"},
	{requestHeader + "x_amzn_mtls_clientcert_validity.header_name", "https=X-Amzn-Mtls-Clientcert-Validity", "X-A", "a:b"},
	{requestHeader + "x_amzn_mtls_clientcert_leaf.header_name", "https=X-Amzn-Mtls-Clientcert-Leaf", "X-A", "a:b"},
	{requestHeader + "x_amzn_mtls_clientcert.header_name", "https=X-Amzn-Mtls-Clientcert", "X-A", "a:b"},
	{requestHeader + "x_amzn_tls_version.header_name", "https=X-Amzn-Tls-Version", "X-A", "a:b"},
	{requestHeader + "x_amzn_tls_cipher_suite.header_name", "https=X-Amzn-Tls-Cipher-Suite", "X-A", "a:b"},
	{responseHeader + "server.enabled", "http=true https=true", "false true", "on"},
	{responseHeader + "strict_transport_security.header_value", "https=-", "max-age=31536000;includeSubDomains;preload",
		"é"},
	{responseHeader + "access_control_allow_origin.header_value", "http=- https=-", "* https://example.com", "é"},
	{responseHeader + "access_control_allow_methods.header_value", "http=- https=-", "GET,POST", "é"},
	{responseHeader + "access_control_allow_headers.header_value", "http=- https=-", "*", "é"},
	{responseHeader + "access_control_allow_credentials.header_value", "http=- https=-", "true", "false"},
	{responseHeader + "access_control_expose_headers.header_value", "http=- https=-", "a,b", "é"},
	{responseHeader + "access_control_max_age.header_value", "http=- https=-", "0 86400", "-1 x"},
	{responseHeader + "content_security_policy.header_value", "http=- https=-", "default-src_'self'",
		"\" " + strings.Repeat("a", 1025)},
	{responseHeader + "x_content_type_options.header_value", "http=- https=-", "nosniff", "sniff"},
	{responseHeader + "x_frame_options.header_value", "http=- https=-", "DENY SAMEORIGIN", "é"},
}

func TestListenersHaveTheAttributesOfTheirProtocol(t *testing.T) {
	t.Parallel()
	f := instant(t)
	alb, nlb := f.alb(), f.nlb()
	gwlb := f.balancer("gateway", func(in *elb.CreateLoadBalancerInput) { in.Scheme = "" })
	gateway, err := f.CreateListener(f.ctx, &elb.CreateListenerInput{LoadBalancerArn: gwlb.LoadBalancerArn,
		DefaultActions: forwardTo(f.group("", kindsOfGroups["GENEVE"]))})
	f.ok(err)
	kinds := map[string]types.Listener{
		"http": f.listen(alb, "HTTP", 80, respond("200")), "https": f.listen(alb, "HTTPS", 443, respond("200")),
		"tcp": f.listen(nlb, "TCP", 1, forwardTo(f.group("TCP"))), "tcpudp": f.listen(nlb, "TCP_UDP", 2,
			forwardTo(f.group("TCP_UDP"))),
		"tls": f.listen(nlb, "TLS", 3, forwardTo(f.group("TCP"))), "udp": f.listen(nlb, "UDP", 4, forwardTo(f.group("UDP"))),
		"quic": f.listen(nlb, "QUIC", 5, forwardTo(f.group("QUIC"))), "tcpquic": f.listen(nlb, "TCP_QUIC", 6,
			forwardTo(f.group("TCP_QUIC"))), "gwlb": gateway.Listeners[0],
	}
	set := func(l types.Listener, key, value string) error {
		_, err := f.ModifyListenerAttributes(f.ctx, &elb.ModifyListenerAttributesInput{ListenerArn: l.ListenerArn,
			Attributes: []types.ListenerAttribute{{Key: &key, Value: &value}}})
		return err
	}
	for kind, l := range kinds {
		out, err := f.DescribeListenerAttributes(f.ctx, &elb.DescribeListenerAttributesInput{ListenerArn: l.ListenerArn})
		f.ok(err)
		got := map[string]string{}
		for _, a := range out.Attributes {
			got[*a.Key] = *a.Value
		}
		describes(t, kind, listenerRows, got)
	}
	for _, r := range listenerRows {
		first, _, _ := strings.Cut(r.defaults, "=")
		r.settles(f, func(key, value string) error { return set(kinds[first], key, value) })
		for kind, l := range kinds {
			if _, has := r.of()[kind]; !has {
				f.refused(set(l, r.key, "x"), "InvalidConfigurationRequest", "is not supported on listeners")
			}
		}
	}
}

// TestDefaultsOfTargetGroupsFollowTheirTargets is what depends on protocol and target type together: whether clients
// keep their addresses, and whether connections end when a target leaves.
func TestDefaultsOfTargetGroupsFollowTheirTargets(t *testing.T) {
	t.Parallel()
	f := instant(t)
	for _, c := range []struct {
		protocol       types.ProtocolEnum
		typ            types.TargetTypeEnum
		preserve, ends string
	}{
		{"TCP", "instance", "true", "false"}, {"TCP", "ip", "false", "false"}, {"TCP", "alb", "true", "false"},
		{"TLS", "instance", "true", "false"}, {"TLS", "ip", "false", "false"},
		{"UDP", "instance", "true", "true"}, {"UDP", "ip", "true", "true"},
		{"TCP_UDP", "instance", "true", "true"}, {"TCP_UDP", "ip", "true", "true"},
		{"QUIC", "instance", "true", "false"}, {"QUIC", "ip", "true", "false"},
		{"TCP_QUIC", "instance", "true", "false"}, {"TCP_QUIC", "ip", "true", "false"},
	} {
		a := f.account.TargetGroups[f.group(c.protocol, ofTargets(c.typ))].Attributes
		if a[preserveClient] != c.preserve || a["deregistration_delay.connection_termination.enabled"] != c.ends {
			t.Errorf("%s to %s: addresses preserved %q, connections ended %q", c.protocol, c.typ, a[preserveClient],
				a["deregistration_delay.connection_termination.enabled"])
		}
		if isQUIC(string(c.protocol)) != (a["proxy_protocol_v2.enabled"] == "") && c.typ != "alb" {
			t.Errorf("%s to %s: proxy protocol %q", c.protocol, c.typ, a["proxy_protocol_v2.enabled"])
		}
	}
}
