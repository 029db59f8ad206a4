package wire

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmschemas "github.com/aws/aws-sdk-go-v2/service/acm/schemas"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	balancingschemas "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/schemas"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	taggingschemas "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/schemas"
	taggingtypes "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
	"github.com/aws/smithy-go/transport/http/protocol/rpcv2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

const tagging = "service/ResourceGroupsTaggingAPI_20170126/operation/"

// rpc is a signed call of the tagging API in RPC v2 CBOR.
func rpc(action, body string) raw {
	return raw{service: "tagging", query: tagging + action, body: body, header: map[string]string{
		"Smithy-Protocol": "rpc-v2-cbor", "Content-Type": "application/cbor"}}
}

// taggingJSON is a client as those before SDKs spoke CBOR, and as AWS's command line.
func (r *rig) taggingJSON() *resourcegroupstaggingapi.Client {
	return resourcegroupstaggingapi.NewFromConfig(r.config(), func(o *resourcegroupstaggingapi.Options) {
		o.Protocol = awsjson.New11(taggingschemas.ResourceGroupsTaggingAPI_20170126)
	})
}

// cborService answers clients through the codec alone, whatever the service.
type cborService struct {
	t     *testing.T
	codec *rpcCBOR
	in    reflect.Type
	got   any
	out   any
}

func (s *cborService) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	req, err := read(r)
	if err != nil {
		return nil, err
	}
	in := reflect.New(s.in)
	if err := s.codec.decode(req, in.Elem()); err != nil {
		s.t.Error(err)
	}
	s.got = in.Interface()
	contentType, body, err := s.codec.encode("", reflect.ValueOf(s.out), "")
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {contentType},
		"Smithy-Protocol": {"rpc-v2-cbor"}}, Body: io.NopCloser(strings.NewReader(string(body)))}, err
}

// The tagging API has neither times nor bytes; the clients of other services can be made to speak CBOR.
func TestCBORCarriesEveryFieldOfOtherServices(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		names  map[string]string
		client func(aws.Config) any
	}{
		"acm": {certificateNames, func(c aws.Config) any {
			return acm.NewFromConfig(c, func(o *acm.Options) { o.Protocol = rpcv2.NewCBOR(acmschemas.CertificateManager) })
		}},
		"elasticloadbalancing": {balancingNames, func(c aws.Config) any {
			return elasticloadbalancingv2.NewFromConfig(c, func(o *elasticloadbalancingv2.Options) {
				o.Protocol = rpcv2.NewCBOR(balancingschemas.ElasticLoadBalancing_v10)
			})
		}},
	} {
		s := &cborService{t: t, codec: newCBOR("", "", tt.names)}
		c := (&rig{t: t}).config()
		c.HTTPClient = s
		client := tt.client(c)
		for action, method := range actionsOf(name, client) {
			in, out := reflect.New(method.Type.In(2).Elem()), reflect.New(method.Type.Out(0).Elem())
			(&filler{}).fill(in.Elem(), 0)
			(&filler{}).fill(out.Elem(), 0)
			s.in, s.out = in.Type().Elem(), out.Interface()
			results := method.Func.Call([]reflect.Value{reflect.ValueOf(client), reflect.ValueOf(t.Context()), in})
			if err, _ := results[1].Interface().(error); err != nil {
				t.Fatalf("%s: %v", action, err)
			}
			same := cmp.Options{cmp.FilterPath(ignoreMetadata, cmp.Ignore()), // the client cuts parts of milliseconds off
				cmpopts.EquateApproxTime(time.Millisecond)}
			if diff := cmp.Diff(in.Interface(), s.got, same); diff != "" {
				t.Errorf("%s: input changed on the way (-sent +received):\n%s", action, diff)
			}
			if diff := cmp.Diff(out.Interface(), results[0].Interface(), same); diff != "" {
				t.Errorf("%s: output changed on the way (-sent +received):\n%s", action, diff)
			}
		}
	}
}

// kinds has a field of every kind that CBOR can carry.
type kinds struct {
	Text   *string
	Int    *int32
	Long   *int64
	Single *float32
	Double *float64
	Flag   *bool
	Bytes  []byte
	At     *time.Time
	List   []string
	Map    map[string]int32
}

// unhex is the bytes of hexadecimal digits, with spaces between them.
func unhex(t *testing.T, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decodeCBOR(t *testing.T, body []byte) (*kinds, error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(string(body)))
	r.Header.Set("Smithy-Protocol", "rpc-v2-cbor")
	r.Header.Set("Content-Type", "application/cbor; charset=binary")
	req, err := read(r)
	if err != nil {
		t.Fatal(err)
	}
	in := &kinds{}
	return in, newCBOR("", "", nil).decode(req, elem(in))
}

func TestEveryFormOfCBORIsRead(t *testing.T) {
	t.Parallel()
	const text, integer, long, single, double, flag, bytes, at = "a164 54657874 ", "a163 496e74 ", "a164 4c6f6e67 ",
		"a166 53696e676c65 ", "a166 446f75626c65 ", "a164 466c6167 ", "a165 4279746573 ", "a162 4174 "
	year2013 := time.Unix(1363896240, 0).UTC()
	for name, tt := range map[string]struct {
		body string
		want *kinds
	}{
		"no body":                   {"", &kinds{}},
		"an empty map":              {"a0", &kinds{}},
		"an empty map with a break": {"bfff", &kinds{}},
		"null":                      {text + "f6", &kinds{}},
		"undefined":                 {text + "f7", &kinds{}},
		"an unknown member":         {"a161 78 82 01 a161 79 c1 00", &kinds{}},
		"text":                      {text + "62 c3bc", &kinds{Text: aws.String("ü")}},
		"text, length of 8 bytes":   {text + "7b0000000000000001 61", &kinds{Text: aws.String("a")}},
		"text in parts":             {text + "7f 62 6162 60 61 63 ff", &kinds{Text: aws.String("abc")}},
		"text cut within a rune":    {text + "7f 61 c3 61 bc ff", &kinds{Text: aws.String("ü")}},
		"key in parts":              {"a1 7f 62 5465 62 7874 ff 61 61", &kinds{Text: aws.String("a")}},
		"integer":                   {integer + "17", &kinds{Int: aws.Int32(23)}},
		"integer of a byte":         {integer + "18 ff", &kinds{Int: aws.Int32(255)}},
		"integer of two bytes":      {integer + "19 0001", &kinds{Int: aws.Int32(1)}},
		"greatest integer":          {integer + "1a 7fffffff", &kinds{Int: aws.Int32(math.MaxInt32)}},
		"least integer":             {integer + "3a 7fffffff", &kinds{Int: aws.Int32(math.MinInt32)}},
		"greatest long":             {long + "1b 7fffffffffffffff", &kinds{Long: aws.Int64(math.MaxInt64)}},
		"least long":                {long + "3b 7fffffffffffffff", &kinds{Long: aws.Int64(math.MinInt64)}},
		"half precision":            {single + "f9 3e00", &kinds{Single: aws.Float32(1.5)}},
		"half precision, infinite":  {double + "f9 fc00", &kinds{Double: aws.Float64(math.Inf(-1))}},
		"single precision":          {single + "fa 3dcccccd", &kinds{Single: aws.Float32(0.1)}},
		"single for double":         {double + "fa 40200000", &kinds{Double: aws.Float64(2.5)}},
		"double precision":          {double + "fb 3ff199999999999a", &kinds{Double: aws.Float64(1.1)}},
		"an integer as fraction":    {double + "20", &kinds{Double: aws.Float64(-1)}},
		"true":                      {flag + "f5", &kinds{Flag: aws.Bool(true)}},
		"false":                     {flag + "f4", &kinds{Flag: aws.Bool(false)}},
		"bytes":                     {bytes + "42 00ff", &kinds{Bytes: []byte{0, 255}}},
		"bytes in parts":            {bytes + "5f 41 00 41 ff ff", &kinds{Bytes: []byte{0, 255}}},
		"time in seconds":           {at + "c1 1a 514b67b0", &kinds{At: &year2013}},
		"time in fractions":         {at + "c1 fb 41d452d9ec200000", &kinds{At: aws.Time(year2013.Add(500 * time.Millisecond))}},
		"time before 1970":          {at + "c1 20", &kinds{At: aws.Time(time.Unix(-1, 0).UTC())}},
		"list":                      {"a164 4c697374 82 61 61 60", &kinds{List: []string{"a", ""}}},
		"list with a break":         {"a164 4c697374 9f 61 61 ff", &kinds{List: []string{"a"}}},
		"map with a break":          {"a163 4d6170 bf 61 61 01 ff", &kinds{Map: map[string]int32{"a": 1}}},
	} {
		got, err := decodeCBOR(t, unhex(t, tt.body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestWhatIsNoCBORIsRefused(t *testing.T) {
	t.Parallel()
	const text, integer, at, list = "a164 54657874 ", "a163 496e74 ", "a162 4174 ", "a164 4c697374 "
	for body, want := range map[string]string{
		"7b22":                          "ends within an item", // JSON
		"bf":                            "ends within an item",
		"a1":                            "ends within an item",
		"a161":                          "ends within an item",
		"a16178":                        "ends within an item",
		text + "65 61":                  "ends within an item",
		text + "7b ffffffffffffffff 61": "ends within an item",
		text + "7f 61":                  "ends within an item",
		text + "19 01":                  "ends within an item",
		list + "9b 8000000000000000":    "ends within an item", // cbor.Decode takes these for empty
		list + "9b ffffffffffffffff 61": "ends within an item",
		"bb ffffffffffffffff":           "ends within an item",
		"a0a0":                          "goes on after its CBOR item",
		"a000":                          "goes on after its CBOR item",
		"ff":                            "begins with the byte 0xff",
		text + "1c":                     "begins with the byte 0x1c",
		text + "1f":                     "begins with the byte 0x1f",
		text + "df":                     "begins with the byte 0xdf",
		text + "f8 20":                  "is no CBOR",
		text + "f0":                     "is no CBOR",
		text + "7f 7f 61 61 ff ff":      "a string has a part of another kind",
		text + "7f 41 61 ff":            "a string has a part of another kind",
		text + "61 ff":                  "not UTF-8",
		"a1 01 02":                      "a key is not a text",
		"a1 f6 02":                      "a key is not a text",
		integer + "3b 8000000000000000": "less than -2⁶³",
		integer + "1a 80000000":         "is not an integer of its size",
		integer + "fa 3f800000":         "is not an integer of its size",
		integer + "61 31":               "is not a number",
		"a164 466c6167 01":              "is not true or false",
		text + "41 61":                  "is not a string",
		text + "01":                     "is not a string",
		"a165 4279746573 61 61":         "is not bytes",
		list + "a0":                     "is not a list",
		"a163 4d6170 80":                "is not an object",
		"80":                            "is not an object",
		at + "1a 514b67b0":              "is not a time",
		at + "c0 74 323031332d30332d32315432303a30343a30305a": "tag 0 is not a time",
		at + "c1 61 31":                  "tag 1 is not a time",
		at + "c1 fb 7ff8000000000000":    "tag 1 is not a time", // no number
		at + "c1 fb 7ff0000000000000":    "tag 1 is not a time",
		at + "c1 1b ffffffffffffffff":    "tag 1 is not a time",
		at + "c2 41 01":                  "tag 2 is not a time",
		strings.Repeat("81", 200) + "00": "nested more than 128 deep",
		strings.Repeat("c1", 200) + "00": "nested more than 128 deep",
		strings.Repeat("a16178", 200):    "nested more than 128 deep",
	} {
		_, err := decodeCBOR(t, unhex(t, body))
		if e := apierr.As(err); e == nil || e.Code != "SerializationException" || e.Status != http.StatusBadRequest ||
			!strings.Contains(e.Message, want) {
			t.Errorf("%.60s: %v, want %q", body, err, want)
		}
	}
}

func TestAnswersInCBORAreTheSameEachTime(t *testing.T) {
	t.Parallel()
	out := &kinds{Text: aws.String("a"), Int: aws.Int32(-1), Long: aws.Int64(math.MinInt64), Single: aws.Float32(1.5),
		Flag: aws.Bool(true), Bytes: []byte{1}, At: aws.Time(time.UnixMilli(1500)), List: []string{"x"},
		Map: map[string]int32{"b": 24, "a": -25}}
	const want = "a9" + "62 4174 c1 fb3ff8000000000000" + "65 4279746573 41 01" + "64 466c6167 f5" + "63 496e74 20" +
		"64 4c697374 81 61 78" + "64 4c6f6e67 3b7fffffffffffffff" + "63 4d6170 a2 61 61 3818 61 62 1818" +
		"66 53696e676c65 fa3fc00000" + "64 54657874 61 61"
	for range 20 {
		contentType, body, err := newCBOR("", "", nil).encode("", reflect.ValueOf(out), "")
		if err != nil || contentType != "application/cbor" || hex.EncodeToString(body) != strings.ReplaceAll(want, " ", "") {
			t.Fatalf("%s %x, %v", contentType, body, err)
		}
	}
	if _, body, err := newCBOR("", "", nil).encode("", reflect.ValueOf(&kinds{At: aws.Time(time.Unix(-2, 0))}), ""); err !=
		nil || hex.EncodeToString(body) != "a1624174c121" {
		t.Errorf("whole seconds: %x, %v", body, err)
	}
	if _, body, err := newCBOR("", "", nil).encode("", reflect.ValueOf((*kinds)(nil)), ""); err != nil ||
		string(body) != "\xa0" {
		t.Errorf("nothing: %x, %v", body, err)
	}
}

func TestTaggingClientsGetErrorsInTheirProtocol(t *testing.T) {
	t.Parallel()
	r := newFixedRig(t)
	for name, client := range map[string]*resourcegroupstaggingapi.Client{
		"CBOR": resourcegroupstaggingapi.NewFromConfig(r.config()), "JSON": r.taggingJSON(),
	} {
		r.handle(func(context.Context, string, string, any) (any, error) {
			return nil, apierr.New("InvalidParameterException", "<wrong>")
		})
		_, err := client.GetResources(t.Context(), &resourcegroupstaggingapi.GetResourcesInput{})
		var invalid *taggingtypes.InvalidParameterException
		if !errors.As(err, &invalid) || invalid.ErrorMessage() != "<wrong>" || !strings.Contains(err.Error(), fixedID) {
			t.Errorf("%s: an error of the service: %v", name, err)
		}
		r.handle(func(context.Context, string, string, any) (any, error) {
			return nil, apierr.WithStatus(http.StatusServiceUnavailable, "ServiceUnavailableException", "later")
		})
		_, err = client.GetResources(t.Context(), &resourcegroupstaggingapi.GetResourcesInput{})
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != "ServiceUnavailableException" || api.ErrorMessage() != "later" ||
			!strings.Contains(err.Error(), "StatusCode: 503") {
			t.Errorf("%s: an error of all services: %v", name, err)
		}
	}
}

func TestRequestsInCBORMustHaveItsForm(t *testing.T) {
	t.Parallel()
	with := func(name, value string) raw {
		q := rpc("GetResources", "\xa0")
		q.header[name] = value
		return q
	}
	below := rpc("GetResources", "\xa0")
	below.query = "v1/" + below.query
	named := rpc("GetResources", "\xa0")
	named.query = strings.Replace(named.query, "service/", "service/com.amazonaws.resourcegroupstaggingapi.", 1)
	elsewhere := rpc("GetResources", "\xa0")
	elsewhere.query = "service/Other_2017/operation/GetResources"
	unsigned := rpc("GetResources", "\xa0")
	unsigned.service = ""
	unknown := rpc("GetResources", "\xa0")
	unknown.service = "monitoring"
	get := rpc("GetResources", "")
	get.method = http.MethodGet
	short := rpc("GetResources", "\xa0")
	short.query = "operation/GetResources"
	for name, tt := range map[string]struct {
		raw    raw
		status int
		want   string // in the body
	}{
		"a prefix of the path":      {below, 200, "ResourceTagMappingList\x80"},
		"a name with its namespace": {named, 200, "ResourceTagMappingList\x80"},
		"no body":                   {rpc("GetResources", ""), 200, "ResourceTagMappingList\x80"},
		"a target of JSON":          {with("X-Amz-Target", "X.GetResources"), 400, "#UnknownOperationException"},
		"another target of JSON":    {with("X-Amzn-Target", "X.GetResources"), 400, "#UnknownOperationException"},
		"JSON":                      {with("Content-Type", "application/json"), 400, "#SerializationException"},
		"garbage":                   {rpc("GetResources", "\xff\xff"), 400, "#SerializationException"},
		"another service":           {elsewhere, 400, "#UnknownOperationException"},
		"GET":                       {get, 400, "#UnknownOperationException"},
		"no path":                   {short, 400, "#UnknownOperationException"},
		"an unknown action":         {rpc("Dance", "\xa0"), 400, "#UnknownOperationException"},
		"unsigned":                  {unsigned, 400, "taggingapi#MissingAuthenticationTokenException"},
		"a service nobody serves":   {unknown, 400, `the simulator does not have the service "monitoring"`},
	} {
		r := newFixedRig(t)
		r.handle(func(context.Context, string, string, any) (any, error) {
			return &resourcegroupstaggingapi.GetResourcesOutput{}, nil
		})
		resp, body := r.send(t, tt.raw)
		if resp.StatusCode != tt.status || !strings.Contains(body, tt.want) ||
			resp.Header.Get("Smithy-Protocol") != "rpc-v2-cbor" || resp.Header.Get("Content-Type") != "application/cbor" ||
			resp.Header.Get("X-Amzn-Requestid") != fixedID {
			t.Errorf("%s: %s %q with %v", name, resp.Status, body, resp.Header)
		}
	}
}
