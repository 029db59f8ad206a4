package wire

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// signedAt is the time of the signatures that send makes with X-Amz-Date.
const signedAt = "20260102T120000Z"

// oneOfEach is a call of each protocol, and of STS, which speaks Elastic Load Balancing's. Unsigned they differ by
// version, target or path.
var oneOfEach = map[string]raw{
	"elasticloadbalancing": {service: "elasticloadbalancing", body: "Action=DescribeRules&Version=2015-12-01"},
	"sts":                  {service: "sts", body: "Action=GetCallerIdentity&Version=2011-06-15"},
	"ec2":                  {service: "ec2", body: "Action=DescribeVpcs&Version=2016-11-15"},
	"acm":                  {service: "acm", target: "CertificateManager.ListCertificates", body: "{}"},
	"tagging":              rpc("GetResources", "\xa0"),
	"route53":              {service: "route53", method: http.MethodGet, query: "2013-04-01/hostedzone"},
}

// TestCallsThatAreNotAuthenticAreRefusedInEachProtocolsWords is AWS's table of authentication failures.
func TestCallsThatAreNotAuthenticAreRefusedInEachProtocolsWords(t *testing.T) {
	t.Parallel()
	noon, err := time.Parse(signedTime, signedAt)
	if err != nil {
		t.Fatal(err)
	}
	judge := func(v Verdict) func(string, string) Verdict { return func(string, string) Verdict { return v } }
	secret := func(string) (string, bool) { return "secret", true }
	at := func(d time.Duration) func() time.Time { return func() time.Time { return noon.Add(d) } }
	for cause, tt := range map[string]struct {
		options                            Options
		change                             func(*raw)
		balancing, compute, json, hostzone string // "" for hostzone: as balancing
	}{
		"unknown access key": {Options{Authenticate: judge(KeyUnknown)}, nil, "403 InvalidClientTokenId",
			"401 AuthFailure", "400 UnrecognizedClientException", ""},
		"a key without a secret": {Options{Secret: func(string) (string, bool) { return "", false }}, nil,
			"403 InvalidClientTokenId", "401 AuthFailure", "400 UnrecognizedClientException", ""},
		"bad signature": {Options{Secret: secret, Now: at(0)}, nil, "403 SignatureDoesNotMatch", "401 AuthFailure",
			"400 InvalidSignatureException", ""},
		"expired session token": {Options{Authenticate: judge(KeyExpired)}, nil, "403 ExpiredToken", "400 RequestExpired",
			"400 ExpiredTokenException", ""},
		"a clock behind": {Options{Secret: secret, Now: at(5*time.Minute + time.Second)}, nil,
			"403 SignatureDoesNotMatch", "400 RequestExpired", "400 InvalidSignatureException", ""},
		"a clock ahead": {Options{Secret: secret, Now: at(-5*time.Minute - time.Second)}, nil,
			"403 SignatureDoesNotMatch", "400 RequestExpired", "400 InvalidSignatureException", ""},
		"no credentials": {Options{}, func(r *raw) { r.service = "" }, "403 MissingAuthenticationToken",
			"401 AuthFailure", "400 MissingAuthenticationTokenException", ""},
		"another region": {Options{}, func(r *raw) { r.region = "ap-south-1" }, "403 SignatureDoesNotMatch",
			"401 AuthFailure", "400 InvalidSignatureException", ""},
	} {
		tt.options.NewRequestID = func() string { return fixedID }
		r := newRig(t, tt.options)
		r.handle(func(_ context.Context, service, action string, _ any) (any, error) {
			t.Errorf("%s: %s %s was called", cause, service, action)
			return nil, nil
		})
		for service, call := range oneOfEach {
			call.header = maps.Clone(call.header)
			if call.header == nil {
				call.header = map[string]string{}
			}
			call.header["X-Amz-Date"] = signedAt
			if tt.change != nil {
				tt.change(&call)
			}
			want := map[string]string{"ec2": tt.compute, "acm": tt.json, "tagging": tt.json, "route53": tt.hostzone}[service]
			if want == "" {
				want = tt.balancing
			}
			status, name, _ := strings.Cut(want, " ")
			resp, body := r.send(t, call)
			if fmt.Sprint(resp.StatusCode) != status || !strings.Contains(body, ">"+name+"<") &&
				!strings.Contains(body, `"`+name+`"`) && !strings.Contains(body, "#"+name) {
				t.Errorf("%s, %s: %s %s, want %s", cause, service, resp.Status, body, want)
			}
			if tt.options.Now != nil && resp.Header.Get("Date") != tt.options.Now().UTC().Format(http.TimeFormat) {
				t.Errorf("%s, %s: the service's clock is told as %s", cause, service, resp.Header.Get("Date"))
			}
			if resp.Header.Get("X-Amzn-Requestid") != fixedID || resp.Header.Get("Date") == "" {
				t.Errorf("%s, %s: headers %v", cause, service, resp.Header)
			}
		}
	}
}

func TestErrorsAreWrittenAsAWSWritesThem(t *testing.T) {
	t.Parallel()
	sender, receiver := apierr.New("ListenerNotFound", "<none>"), apierr.WithStatus(http.StatusInternalServerError,
		"InternalFailure", "odd")
	throttled := apierr.WithStatus(http.StatusTooManyRequests, "PriorRequestNotComplete", "wait")
	for name, tt := range map[string]struct {
		call        string
		err         error
		status      int
		contentType string
		want        string
	}{
		"query": {"elasticloadbalancing", sender, 400, "text/xml",
			`<ErrorResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><Error><Type>Sender</Type><Code>ListenerNotFound</Code><Message>&lt;none&gt;</Message></Error><RequestId>` + fixedID + `</RequestId></ErrorResponse>`},
		"query, AWS's own": {"elasticloadbalancing", receiver, 500, "text/xml",
			`<ErrorResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><Error><Type>Receiver</Type><Code>InternalFailure</Code><Message>odd</Message></Error><RequestId>` + fixedID + `</RequestId></ErrorResponse>`},
		"query, its status": {"elasticloadbalancing", throttled, 429, "text/xml",
			`<ErrorResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><Error><Type>Sender</Type><Code>PriorRequestNotComplete</Code><Message>wait</Message></Error><RequestId>` + fixedID + `</RequestId></ErrorResponse>`},
		"query of STS": {"sts", sender, 400, "text/xml",
			`<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>ListenerNotFound</Code><Message>&lt;none&gt;</Message></Error><RequestId>` + fixedID + `</RequestId></ErrorResponse>`},
		"compute": {"ec2", sender, 400, "text/xml;charset=UTF-8", declaration +
			`<Response><Errors><Error><Code>ListenerNotFound</Code><Message>&lt;none&gt;</Message></Error></Errors><RequestID>` +
			fixedID + `</RequestID></Response>`},
		"CBOR": {"tagging", sender, 400, "application/cbor", "\xa3gMessagef<none>f__typex7com.amazonaws." +
			"resourcegroupstaggingapi#ListenerNotFoundgmessagef<none>"},
		"JSON": {"acm", sender, 400, "application/x-amz-json-1.1",
			`{"__type":"ListenerNotFound","message":"\u003cnone\u003e"}`},
		"JSON, AWS's own": {"acm", receiver, 500, "application/x-amz-json-1.1",
			`{"__type":"InternalFailure","message":"odd"}`},
		"REST": {"route53", sender, 400, "text/xml", declaration +
			`<ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Error><Type>Sender</Type><Code>ListenerNotFound</Code><Message>&lt;none&gt;</Message></Error><RequestId>` + fixedID + `</RequestId></ErrorResponse>`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newFixedRig(t)
			r.handle(func(context.Context, string, string, any) (any, error) { return nil, tt.err })
			call := oneOfEach[tt.call]
			if tt.call == "route53" {
				call.region = "us-east-1"
			}
			resp, body := r.send(t, call)
			if resp.StatusCode != tt.status || resp.Header.Get("Content-Type") != tt.contentType ||
				resp.Header.Get("X-Amzn-Requestid") != fixedID {
				t.Errorf("answered %s with %v", resp.Status, resp.Header)
			}
			if diff := cmp.Diff(tt.want, body); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestCallsReachTheirServiceBySignatureTargetVersionPathOrHost is the order in which one endpoint tells the services
// apart.
func TestCallsReachTheirServiceBySignatureTargetVersionPathOrHost(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		raw  raw
		host string
		want string
	}{
		"signature before all": {raw{service: "ec2", target: "CertificateManager.ListCertificates",
			body: "Action=DescribeVpcs&Version=2015-12-01"}, "acm.us-west-2.amazonaws.com", "ec2"},
		"target before version": {raw{target: "AWSWAF_20190729.ListWebACLs", body: "Version=2016-11-15"}, "", "wafv2"},
		"version before path": {raw{query: "2013-04-01/hostedzone?Action=DescribeRules&Version=2015-12-01",
			method: http.MethodGet}, "", "elasticloadbalancing"},
		"path before host": {raw{query: "2013-04-01/hostedzone", method: http.MethodGet},
			"ec2.us-west-2.amazonaws.com", "route53"},
		"host":              {raw{body: "Action=DescribeVpcs"}, "ec2.us-west-2.amazonaws.com", "ec2"},
		"target of Shield":  {raw{target: "AWSShield_20160616.ListProtections", body: "{}"}, "", "shield"},
		"target of tagging": {raw{target: "ResourceGroupsTaggingAPI_20170126.GetResources", body: "{}"}, "", "tagging"},
		"target of accelerators": {raw{target: "GlobalAccelerator_V20180706.ListAccelerators", body: "{}"}, "",
			"globalaccelerator"},
		"path of tagging": {raw{query: tagging + "GetResources", header: map[string]string{"Smithy-Protocol": "rpc-v2-cbor"}},
			"", "tagging"},
		"path without its protocol": {raw{query: tagging + "GetResources"}, "", "unknown"},
		"target of ACM":             {raw{target: "CertificateManager.ListCertificates", body: "{}"}, "", "acm"},
		"version of STS":            {raw{body: "Action=GetCallerIdentity&Version=2011-06-15"}, "", "sts"},
		"version of EC2":            {raw{body: "Action=DescribeVpcs&Version=2016-11-15"}, "", "ec2"},
		"nothing that tells":        {raw{body: "Action=DescribeVpcs"}, "localhost", "unknown"},
		"a service nobody serves":   {raw{service: "sqs", body: "Action=DescribeVpcs&Version=2016-11-15"}, "", "unknown"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1/"+tt.raw.query,
			strings.NewReader(tt.raw.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = tt.host
		if tt.raw.target != "" {
			r.Header.Set("X-Amz-Target", tt.raw.target)
		}
		for k, v := range tt.raw.header {
			r.Header.Set(k, v)
		}
		if tt.raw.service != "" {
			r.Header.Set("Authorization", algorithm+" Credential=A/20260102/us-west-2/"+tt.raw.service+
				"/aws4_request, SignedHeaders=host, Signature=0")
		}
		req, err := read(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := serviceOf(req, scopeOf(req)).name; got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}
