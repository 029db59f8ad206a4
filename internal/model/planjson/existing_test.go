package planjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// existingFields are the fields of the existing controller's JSON, in its order, by the place in a resource: a number
// of an array is *. Those that it leaves out when they are empty are here, too. It marshals Go structs, and so a field
// never changes its place.
var existingFields = map[string]string{
	typeSecurityGroup: "groupName description tags ingress",
	typeSecurityGroup + ".ingress.*": "ipProtocol fromPort toPort ipRanges ipv6Ranges " +
		"userIDGroupPairs prefixLists",
	typeSecurityGroup + ".ingress.*.ipRanges.*":   "cidrIP description",
	typeSecurityGroup + ".ingress.*.ipv6Ranges.*": "cidrIPv6 description",
	typeLoadBalancer: "name type scheme ipAddressType enablePrefixForIpv6SourceNat subnetMapping securityGroups " +
		"securityGroupsInboundRulesOnPrivateLink " +
		"customerOwnedIPv4Pool loadBalancerAttributes minimumLoadBalancerCapacity tags ipv4IPAMPool",
	typeLoadBalancer + ".subnetMapping.*": "subnetID allocationID privateIPv4Address ipv6Address " +
		"sourceNatIpv6Prefix",
	typeLoadBalancer + ".loadBalancerAttributes.*": "key value",
	typeListener: "loadBalancerARN port protocol defaultActions certificates sslPolicy " +
		"alpnPolicy mutualAuthentication tags listenerAttributes",
	typeListener + ".listenerAttributes.*": "Key Value",
	typeListener + ".mutualAuthentication": "mode trustStoreArn ignoreClientCertificateExpiry " +
		"advertiseTrustStoreCaNames",
	typeRule: "listenerARN priority actions conditions transforms tags",
	typeRule + ".conditions.*": "field hostHeaderConfig httpHeaderConfig httpRequestMethodConfig " +
		"pathPatternConfig queryStringConfig sourceIPConfig",
	typeTargetGroup: "name targetType port protocol protocolVersion ipAddressType " +
		"healthCheckConfig targetGroupAttributes tags targetControlPort",
	typeTargetGroup + ".healthCheckConfig": "port protocol path matcher intervalSeconds timeoutSeconds " +
		"healthyThresholdCount unhealthyThresholdCount",
	typeBinding:                        "template",
	typeBinding + ".template":          "metadata spec",
	typeBinding + ".template.metadata": "name namespace creationTimestamp labels annotations",
	typeBinding + ".template.spec": "targetGroupARN targetType serviceRef networking nodeSelector " +
		"ipAddressType vpcID multiClusterTargetGroup targetGroupProtocol",
	typeBinding + ".template.spec.serviceRef": "name port",
	typeCertificate: "type certificateAuthorityARN domainName subjectAlternativeNames " +
		"validationMethod keyAlgorithm tags",
	"AWS::WAFv2::WebACLAssociation": "webACLARN resourceARN",
	"AWS::Shield::Protection":       "enabled resourceARN",
}

// keysOf lists the keys of each object of a text in their order, by its place.
func keysOf(d *json.Decoder, place string, keys map[string][]string) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return err
			}
			keys[place] = append(keys[place], fmt.Sprint(key))
			if err := keysOf(d, place+"\x00"+fmt.Sprint(key), keys); err != nil {
				return err
			}
		}
	case json.Delim('['):
		for n := 0; d.More(); n++ {
			if err := keysOf(d, fmt.Sprint(place, "\x00", n), keys); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	_, err = d.Token()
	return err
}

// placeOf is the place of an object in the table: "" for one that is outside of resources.
func placeOf(path string) string {
	parts := strings.Split(path, "\x00") // "", resources, type, identity, spec, …
	if len(parts) < 5 || parts[4] != "spec" {
		return ""
	}
	out := parts[2]
	for _, part := range parts[5:] {
		if strings.Trim(part, "0123456789") == "" {
			part = "*"
		}
		out += "." + part
	}
	return out
}

// TestPlansHaveFieldsOfExistingControllerInOrder compares names and order of fields with those that the existing
// controller writes.
func TestPlansHaveFieldsOfExistingControllerInOrder(t *testing.T) {
	t.Parallel()
	text, err := Marshal(everything())
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string][]string{}
	if err := keysOf(json.NewDecoder(bytes.NewReader(text)), "", keys); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for path, got := range keys {
		place := placeOf(path)
		want, known := existingFields[place]
		if !known {
			continue
		}
		seen[place] = true
		at := -1
		for _, key := range got {
			now := slices.Index(strings.Fields(want), key)
			if now <= at {
				t.Errorf("%s: %s is unknown or at another place: %v, want the order %s", place, key, got, want)
			}
			at = now
		}
	}
	for place := range existingFields {
		if !seen[place] {
			t.Errorf("the example has no %s", place)
		}
	}
}

// TestPlansEscapeAsGoDoes shows the bytes of characters that the encoder of the existing controller escapes.
func TestPlansEscapeAsGoDoes(t *testing.T) {
	t.Parallel()
	text, err := Marshal(everything())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(`"1 \u0026 2"`)) || bytes.ContainsAny(text, "\n\t&<>") ||
		bytes.Contains(text, []byte(`": `)) {
		t.Errorf("%s", text)
	}
}
