package wire

import "strings"

// service is how one AWS service speaks.
type service struct {
	name     string // as calls are signed
	target   string // prefix of X-Amz-Target, for JSON
	version  string // of the query API
	protocol protocol
	actions  map[string]bool // whose names are known; nil: all
}

// services are the ones that can be served.
var services = []*service{
	{
		name: "elasticloadbalancing", version: "2015-12-01",
		protocol: &query{
			namespace: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/", version: "2015-12-01",
			in: newNaming(balancingInputNames, same), out: newNaming(balancingOutputNames, same),
		},
	},
	{
		name: "sts", version: "2011-06-15",
		protocol: &query{
			namespace: "https://sts.amazonaws.com/doc/2011-06-15/", version: "2011-06-15",
			in: newNaming(stsInputNames, same), out: newNaming(stsOutputNames, same),
		},
	},
	{
		name: "ec2", version: "2016-11-15", actions: set(computeActions),
		protocol: &computeQuery{
			namespace: "http://ec2.amazonaws.com/doc/2016-11-15/",
			in:        newNaming(computeInputNames, same), out: newNaming(computeOutputNames, lowerFirst),
		},
	},
	{name: "acm", target: "CertificateManager", protocol: &json11{names: newNaming(certificateNames, same)}},
	{name: "tagging", target: "ResourceGroupsTaggingAPI_20170126", protocol: &json11{names: newNaming(taggingNames, same)}},
}

// Calls to services that are not served are answered in these.
var (
	unknownQuery = &service{name: "unknown", protocol: services[0].protocol}
	unknownJSON  = &service{name: "unknown", protocol: services[3].protocol}
)

// unsigned are the calls that carry no signature.
var unsigned = map[string]bool{"sts:AssumeRoleWithWebIdentity": true, "sts:AssumeRoleWithSAML": true}

func serviceNamed(name string) *service {
	for _, s := range services {
		if s.name == name {
			return s
		}
	}
	return nil
}

// serviceOf finds whom the call is for: by the signature's scope, else the target header, else the API version, else the host.
func serviceOf(r *request, signed scope) *service {
	target, _, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	host, _, _ := strings.Cut(r.Host, ".")
	version := r.form.Get("Version")
	for _, is := range []func(*service) bool{
		func(s *service) bool { return s.name == signed.service },
		func(s *service) bool { return signed.service == "" && target != "" && s.target == target },
		func(s *service) bool { return signed.service == "" && version != "" && s.version == version },
		func(s *service) bool { return signed.service == "" && s.name == host },
	} {
		for _, s := range services {
			if is(s) {
				return s
			}
		}
	}
	if target != "" {
		return unknownJSON
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
