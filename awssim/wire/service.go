package wire

import (
	"reflect"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// service is how one AWS service speaks.
type service struct {
	name     string   // as calls are signed
	target   string   // prefix of X-Amz-Target, for JSON; the service in the path, for RPC v2 CBOR
	version  string   // of the query API
	home     string   // the one region that calls are signed for, of services that are not regional
	prefix   string   // of the paths of a REST service, without a slash at the end
	abroad   []string // other regions whose calls are taken, of regional services
	protocol protocol
	cbor     protocol        // of clients that speak RPC v2 CBOR instead; nil: the service does not
	actions  map[string]bool // whose names are known; nil: all
}

// services are the ones that can be served.
var services = []*service{
	{
		name: "elasticloadbalancing", version: "2015-12-01",
		protocol: &query{
			namespace: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/", version: "2015-12-01",
			in: newNaming(balancingNames, same), out: newNaming(balancingNames, same),
		},
	},
	{
		name: "sts", version: "2011-06-15", abroad: []string{"us-east-1"}, // the global endpoint
		protocol: &query{
			namespace: "https://sts.amazonaws.com/doc/2011-06-15/", version: "2011-06-15",
			in: newNaming(stsNames, same), out: newNaming(stsNames, same),
		},
	},
	{
		name: "ec2", version: "2016-11-15", actions: set(computeActions),
		protocol: &computeQuery{
			namespace: "http://ec2.amazonaws.com/doc/2016-11-15/",
			in:        newNaming(computeInputNames, same), out: newNaming(computeOutputNames, lowerFirst),
		},
	},
	{name: "acm", target: "CertificateManager", protocol: newJSON(certificateNames)},
	{
		// Accelerators are found from their home region only, protections of Shield from theirs.
		name: "tagging", target: "ResourceGroupsTaggingAPI_20170126", abroad: []string{"us-east-1", "us-west-2"},
		protocol: newJSON(taggingNames),
		cbor:     newCBOR("com.amazonaws.resourcegroupstaggingapi", "ResourceGroupsTaggingAPI_20170126", taggingNames),
	},
	// us-east-1: CloudFront's
	{name: "wafv2", target: "AWSWAF_20190729", abroad: []string{"us-east-1"}, protocol: newJSON(firewallNames)},
	// Shield and Route 53 have one endpoint in each partition. Clients that find it, whatever their region, sign for its
	// region; those that are given another endpoint, such as a simulator's, sign for their own.
	{name: "shield", target: "AWSShield_20160616", abroad: []string{"us-east-1"}, protocol: newJSON(shieldNames)},
	// Clients choose their region for accelerators; there is no endpoint elsewhere.
	{name: "globalaccelerator", target: "GlobalAccelerator_V20180706", home: "us-west-2",
		protocol: newJSON(acceleratorNames)},
	{
		name: "route53", prefix: "/2013-04-01", abroad: []string{"us-east-1", "cn-northwest-1", "us-gov-west-1"},
		protocol: newRESTXML("https://route53.amazonaws.com/doc/2013-04-01/", "/2013-04-01", zoneRoutes, zoneNames,
			zoneItemNames),
	},
	{name: storage, protocol: restObjects{}},
	{
		// IAM has one endpoint in each partition.
		name: "iam", version: "2010-05-08", abroad: []string{"us-east-1", "cn-north-1", "us-gov-west-1"},
		protocol: &query{
			namespace: "https://iam.amazonaws.com/doc/2010-05-08/", version: "2010-05-08", in: newNaming(nil, same),
			out: newNaming(nil, same),
		},
	},
}

// Calls to services that are not served are answered in these.
var (
	unknownQuery = &service{name: "unknown", protocol: serviceNamed("elasticloadbalancing").protocol}
	unknownJSON  = &service{name: "unknown", protocol: newJSON(nil), cbor: newCBOR("com.amazonaws", "", nil)}
)

// served reports whether the service is one of services.
func served(d *service) bool { return d.name != unknownJSON.name }

// unsigned are the calls that carry no signature.
var unsigned = map[string]bool{"sts:AssumeRoleWithWebIdentity": true, "sts:AssumeRoleWithSAML": true}

// takes reports whether the service answers calls that are signed for a region, when the account is in region own.
func (s *service) takes(region, own string) bool {
	if s.home != "" {
		return region == s.home
	}
	return region == own || slices.Contains(s.abroad, region) && partition(region) == partition(own)
}

// partition is the beginning that only the regions of one partition share, "" for those of the commercial one.
func partition(region string) string {
	for _, prefix := range []string{"cn-", "us-gov-"} {
		if strings.HasPrefix(region, prefix) {
			return prefix
		}
	}
	return ""
}

// heard is the service with the protocol that the request is in.
func (s *service) heard(r *request) *service {
	if s.cbor == nil || !speaksCBOR(r.Request) {
		return s
	}
	heard := *s
	heard.protocol = s.cbor
	return &heard
}

func serviceNamed(name string) *service {
	for _, s := range services {
		if s.name == name {
			return s
		}
	}
	return nil
}

// serviceOf finds the service that a call is for: by the signature's scope, else the target (a header, or the path of
// RPC v2 CBOR), else the API version, else the path, else the host.
func serviceOf(r *request, signed scope) *service {
	target, _, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if speaksCBOR(r.Request) {
		target, _ = rpcTarget(r.URL.Path)
	}
	host, _, _ := strings.Cut(r.Host, ".")
	version := r.form.Get("Version")
	for _, is := range []func(*service) bool{
		func(s *service) bool { return s.name == signed.service },
		func(s *service) bool { return signed.service == "" && target != "" && s.target == target },
		func(s *service) bool { return signed.service == "" && version != "" && s.version == version },
		func(s *service) bool {
			return signed.service == "" && s.prefix != "" && strings.HasPrefix(r.URL.Path, s.prefix+"/")
		},
		func(s *service) bool { return signed.service == "" && s.name == host },
	} {
		for _, s := range services {
			if is(s) {
				return s.heard(r)
			}
		}
	}
	if target != "" || speaksCBOR(r.Request) {
		return unknownJSON.heard(r)
	}
	return unknownQuery
}

func set(names []string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// protocol is one of AWS's ways to put calls on the wire.
type protocol interface {
	// action is the name of the action that is called for.
	action(r *request) (string, error)
	// decode fills in, an SDK input struct.
	decode(r *request, in reflect.Value) error
	// encode writes the answer from out, a pointer to an SDK output struct.
	encode(action string, out reflect.Value, id string) (contentType string, body []byte, err error)
	// fail writes an error's answer.
	fail(e *apierr.Error, id string) (contentType string, body []byte)
	// refusal is the error for a call that is not authentic.
	refusal(p problem) *apierr.Error
	// unknownAction is the error for an action that is not served.
	unknownAction(action string) *apierr.Error
}

// headed is a protocol whose answers hold more than a body.
type headed interface {
	// head is the HTTP status of a success, and the headers to add.
	head(action string, out reflect.Value) (status int, headers map[string]string)
}
