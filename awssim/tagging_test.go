package awssim

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/schemas"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/lib/sdkhttp"
)

// seenRequest is a client that keeps its last request.
type seenRequest struct {
	sdkhttp.Doer
	*http.Request
}

func (s *seenRequest) Do(r *http.Request) (*http.Response, error) {
	s.Request = r
	return s.Doer.Do(r)
}

func TestTaggingCallsOfBothProtocolsAreAlike(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{})
	inJSON := func(o *resourcegroupstaggingapi.Options) {
		o.Protocol = awsjson.New11(schemas.ResourceGroupsTaggingAPI_20170126)
	}
	c := s.as("AKIATEST", "secret", "")
	seen := &seenRequest{Doer: c.HTTPClient}
	c.HTTPClient = seen
	inCBOR := func(*resourcegroupstaggingapi.Options) {}
	type outcome struct {
		found     []types.ResourceTagMapping
		more      bool // pages; the token has the time
		throttled bool
		calls     []gate.Call
	}
	outcomes := map[string]outcome{}
	for contentType, protocol := range map[string]func(*resourcegroupstaggingapi.Options){
		"application/cbor": inCBOR, "application/x-amz-json-1.1": inJSON,
	} {
		client := resourcegroupstaggingapi.NewFromConfig(c, protocol)
		before := uint64(s.Gate.Total())
		in := &resourcegroupstaggingapi.GetResourcesInput{ResourceTypeFilters: []string{"ec2:subnet"},
			ResourcesPerPage: aws.Int32(2), TagFilters: []types.TagFilter{{Key: aws.String("kubernetes.io/role/elb")}}}
		out := wanted(client.GetResources(t.Context(), in))(t)
		if len(out.ResourceTagMappingList) != 2 || seen.Header.Get("Content-Type") != contentType {
			t.Errorf("%s: %+v for %v", contentType, out, seen.Header)
		}
		id := wanted(s.Gate.AddFault(gate.Fault{Service: "tagging", Kind: "throttled"}))(t)
		_, err := client.GetResources(t.Context(), in)
		var throttled *types.ThrottledException
		is := errors.As(err, &throttled) && throttled.ErrorMessage() != ""
		s.Gate.RemoveFault(id)
		id = wanted(s.Gate.AddFault(gate.Fault{Service: "tagging", Lose: true}))(t)
		if _, err := client.GetResources(t.Context(), in); err == nil || strings.Contains(err.Error(), "StatusCode: 200") {
			t.Errorf("%s: an answer that is lost: %v", contentType, err)
		}
		s.Gate.RemoveFault(id)
		if _, err := client.GetTagKeys(t.Context(), nil); apierr.CodeOf(err) != "UnknownOperationException" {
			t.Errorf("%s: an action that is not served: %v", contentType, err)
		}
		outcomes[contentType] = outcome{out.ResourceTagMappingList, *out.PaginationToken != "", is,
			s.Gate.Calls(gate.Filter{After: before})}
	}
	got, want := outcomes["application/cbor"], outcomes["application/x-amz-json-1.1"]
	ignored := cmp.Options{cmpopts.IgnoreFields(gate.Call{}, "Number", "Time", "Duration", "RequestID", "Fault"),
		cmpopts.IgnoreUnexported(gate.Call{}, types.ResourceTagMapping{}, types.Tag{}, types.TagFilter{},
			resourcegroupstaggingapi.GetResourcesInput{}), cmp.AllowUnexported(outcome{})}
	if diff := cmp.Diff(want, got, ignored); diff != "" {
		t.Errorf("(-JSON +CBOR):\n%s", diff)
	}
	if len(got.calls) != 4 || got.calls[0].Action != "GetResources" || got.calls[0].Caller != "AKIATEST" ||
		got.calls[3].Action != "GetTagKeys" || got.calls[1].Code != "ThrottledException" || !got.throttled {
		t.Errorf("calls are %+v", got.calls)
	}
}
