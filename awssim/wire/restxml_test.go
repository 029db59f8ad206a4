package wire

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// rest makes a call that is signed for Route 53.
func (r *rig) rest(method, path, contentType, body string) (status int, header http.Header, answer string) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Authorization", algorithm+" Credential=AKIATEST/20260102/us-east-1/route53/aws4_request, "+
		"SignedHeaders=host, Signature=0")
	request.Header.Set("Content-Type", contentType)
	response, err := r.config().HTTPClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(text)
}

const rrsetBody = `<ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeBatch><Changes><Change>` +
	`<Action>UPSERT</Action><ResourceRecordSet><Name>x.</Name><Type>CNAME</Type><TTL>300</TTL><ResourceRecords><ResourceRecord><Value>y.</Value>` +
	`</ResourceRecord></ResourceRecords></ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>`

func TestRESTCallsAreRecognisedByMethodAndPath(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	var seen string
	r.handle(func(_ context.Context, _, action string, in any) (any, error) {
		seen = action
		if change, ok := in.(*route53.ChangeResourceRecordSetsInput); ok {
			if change.ChangeBatch == nil {
				seen = "?"
				return nil, nil
			}
			seen += " " + *change.HostedZoneId + " " + string(change.ChangeBatch.Changes[0].Action)
		}
		return nil, nil
	})
	for _, tt := range []struct {
		method, path, body string
		status             int
		seen               string
	}{
		{"POST", "/2013-04-01/hostedzone/Z1/rrset/", rrsetBody, 200, "ChangeResourceRecordSets Z1 UPSERT"},
		{"POST", "/2013-04-01/hostedzone/Z1/rrset", rrsetBody, 200, "ChangeResourceRecordSets Z1 UPSERT"},
		{"GET", "/2013-04-01/hostedzone/Z1/rrset?name=a.&maxitems=3", "", 200, "ListResourceRecordSets"},
		{"GET", "/2013-04-01/trafficpolicyinstances/hostedzone?id=Z1", "", 200, "ListTrafficPolicyInstancesByHostedZone"},
		{"GET", "/2013-04-01/hostedzone/Z1/rrset?maxitems=few", "", 400, ""},
		{"PUT", "/2013-04-01/hostedzone/Z1", "", 405, ""},
		{"GET", "/2013-04-01/hostedzone//rrset", "", 404, ""},
		{"GET", "/2013-04-01/hostedzonecount", "", 200, "GetHostedZoneCount"},
		{"GET", "/2013-04-01/healthcheck/H%2F1/status", "", 200, "GetHealthCheckStatus"},
		{"GET", "/2013-04-01/trafficpolicyinstances/trafficpolicy?version=x", "", 400, ""},
		{"POST", "/2013-04-01/hostedzone/Z1/rrset", strings.Replace(rrsetBody, "<Change>",
			"<Change><HostedZoneId>Z2</HostedZoneId>", 1), 400, ""},
		// it is in the path
		{"POST", "/2013-04-01/hostedzone/Z1/rrset", strings.Replace(rrsetBody, "<ChangeBatch>",
			"<HostedZoneId>Z2</HostedZoneId><ChangeBatch>", 1), 400, ""},
		{"POST", "/2013-04-01/hostedzone/Z1/rrset", strings.Replace(rrsetBody, "<TTL>300", "<TTL><Seconds>300</Seconds>", 1),
			400, ""},
		{"POST", "/2013-04-01/hostedzone/Z1/rrset", " \n", 200, "?"},
		{"POST", "/2013-04-01/hostedzone/Z1/rrset", "text" + rrsetBody + "text", 200, "ChangeResourceRecordSets Z1 UPSERT"},
		{"GET", "/2013-04-01/nonsense/of/mine", "", 404, ""},
		{"GET", "/", "", 404, ""},
		{"POST", "/2013-04-01/hostedzone/Z1/rrset", "<nonsense", 400, ""},
		{"POST", "/2013-04-01/hostedzone/Z1/rrset", "<ListThings/>", 400, ""},
		{"POST", "/2013-04-01/hostedzone/Z1/rrset",
			"<ChangeResourceRecordSetsRequest><Other/></ChangeResourceRecordSetsRequest>", 400, ""},
		{"POST", "/2013-04-01/hostedzone/Z1/rrset", strings.Replace(rrsetBody, "<Change>", "<Wish>", 1), 400, ""},
		{"POST", "/2013-04-01/hostedzone/Z1/rrset", strings.Replace(rrsetBody, ">300<", ">soon<", 1), 400, ""},
		{"POST", "/2013-04-01/hostedzone/Z1/rrset", `<!DOCTYPE x [<!ENTITY a "b">]>` + rrsetBody, 400, ""},
		{"POST", "/2013-04-01/hostedzone/Z1/rrset", strings.Repeat("<a>", 100_000), 400, ""},
		{"POST", "/2013-04-01/hostedzone/Z1/rrset", rrsetBody + rrsetBody, 400, ""},
	} {
		seen = ""
		status, _, answer := r.rest(tt.method, tt.path, "application/xml", tt.body)
		if status != tt.status || seen != tt.seen {
			t.Errorf("%s %s %.60s: %d %q, want %d %q:\n%s", tt.method, tt.path, tt.body, status, seen, tt.status,
				tt.seen, answer)
		}
		if status >= 400 &&
			!strings.Contains(answer,
				`<ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Error><Type>Sender</Type><Code>`) {
			t.Errorf("%s %s: the error is no Route 53 error:\n%s", tt.method, tt.path, answer)
		}
	}
}

// Python's clients send a document without a type. As a form it would be malformed by its first semicolon.
func TestADocumentOfARESTServiceIsNoFormWhateverItsType(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.handle(func(_ context.Context, _, _ string, in any) (any, error) {
		if value := in.(*route53.ChangeResourceRecordSetsInput).
			ChangeBatch.Changes[0].ResourceRecordSet.ResourceRecords[0].Value; *value != "a & b" {
			t.Errorf("the value is %q", *value)
		}
		return nil, nil
	})
	body := strings.Replace(rrsetBody, "<Value>y.", "<Value>a &amp; b", 1)
	for _, contentType := range []string{"", "application/xml", "text/plain", "application/x-www-form-urlencoded"} {
		if status, _, answer := r.rest("POST", "/2013-04-01/hostedzone/Z1/rrset/", contentType, body); status !=
			http.StatusOK {
			t.Errorf("of type %q: %d\n%s", contentType, status, answer)
		}
	}
}

func TestWhatIsCreatedOverRESTHasALocation(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.handle(func(context.Context, string, string, any) (any, error) {
		return &route53.CreateHostedZoneOutput{
			Location: aws.String("https://route53.amazonaws.com/2013-04-01/hostedzone/Z1")}, nil
	})
	status, header, answer := r.rest("POST", "/2013-04-01/hostedzone", "application/xml",
		"<CreateHostedZoneRequest><Name>a.</Name></CreateHostedZoneRequest>")
	if status != http.StatusCreated || header.Get("Location") == "" || strings.Contains(answer, "<Location>") {
		t.Errorf("%d %v\n%s", status, header, answer)
	}
}

func TestAnInvalidChangeBatchListsWhatIsWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.handle(func(context.Context, string, string, any) (any, error) {
		e := apierr.New("InvalidChangeBatch", "[one, two]")
		e.Messages = []string{"one", "two"}
		return nil, e
	})
	_, err := r.clients()["route53"].(*route53.Client).ChangeResourceRecordSets(t.Context(),
		&route53.ChangeResourceRecordSetsInput{
			HostedZoneId: aws.String("/hostedzone/Z1"), ChangeBatch: &types.ChangeBatch{Changes: []types.Change{}},
		})
	var batch *types.InvalidChangeBatch
	if !errors.As(err, &batch) || batch.ErrorMessage() != "[one, two]" || strings.Join(batch.Messages, "|") != "one|two" {
		t.Errorf("got %v: %+v", err, batch)
	}
}

func TestGlobalServicesAreSignedForTheirRegionOrTheAccounts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		account, signed string
		fits            bool
	}{
		{"us-west-2", "us-east-1", true}, {"us-west-2", "us-west-2", true}, {"us-west-2", "eu-west-1", false},
		{"cn-north-1", "cn-northwest-1", true}, {"cn-north-1", "us-east-1", false}, {"us-gov-east-1", "us-gov-west-1", true},
	} {
		s := &Server{options: Options{Region: tt.account}}
		p := s.authenticate(&request{}, scope{present: true, accessKey: "A", region: tt.signed, service: "route53"},
			serviceNamed("route53"))
		if (p == noProblem) != tt.fits {
			t.Errorf("an account in %s, signed for %s: problem %d", tt.account, tt.signed, p)
		}
	}
}
