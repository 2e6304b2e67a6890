// Fields and rows in their forms: golden texts, with strangers' bytes among them.
#include <gtest/gtest.h>

#include <string>

#include "field_list.hpp"
#include "row_writer.hpp"

namespace pawl_tests {
namespace {

using namespace pawl_tool;
using namespace std::string_literals;

field_list one_of_each() {
  field_list error;
  error.number("attempt", 1).text("text", "no\nhost");
  field_list fields;
  fields.number("lsn", 7).id("id", 68'719'476'737).word("record", "submit");
  fields.text("queue", "a b\x1b[2J").bytes("payload", "\xff\x00"s).bytes("value", "plain");
  fields.flag("alone", true).time("time", 1'500'000).nothing("due").list("errors", {error});
  return fields;
}

TEST(field_list, is_json) {
  EXPECT_EQ(json_of(one_of_each()),
            R"({"lsn":7,"id":"68719476737","record":"submit","queue":"a b\u001b[2J",)"
            R"("payload_hex":"ff00","value":"plain","alone":true,)"
            R"("time":"1970-01-01T00:00:00.001500000Z","due":null,)"
            R"("errors":[{"attempt":1,"text":"no\nhost"}]})");
  EXPECT_EQ(json_of({}), "{}");
}

TEST(field_list, is_a_sheet) {
  EXPECT_EQ(sheet_of(one_of_each()),
            "lsn      7\n"
            "id       68719476737\n"
            "record   submit\n"
            "queue    \"a b\\x1b[2J\"\n"
            "payload  \"\\xff\\x00\"\n"
            "value    \"plain\"\n"
            "alone    yes\n"
            "time     1970-01-01T00:00:00.001Z\n"
            "due      -\n"
            "errors   1\n"
            "  attempt=1 text=\"no\\nhost\"\n");
}

TEST(row_writer, aligns_columns_and_puts_the_rest_behind_them) {
  const table_shape shape{{{"lsn", 5, true}, {"record", 8}, {"due", 4}, {"none", 4}}, true};
  EXPECT_EQ(table_head(shape), "  LSN  RECORD    DUE   NONE  MORE\n");
  field_list row;
  row.number("lsn", 7).word("record", "submit").nothing("due").text("queue", "mail");
  EXPECT_EQ(table_line(shape, row), "    7  submit    -     -     queue=mail\n");
  field_list wide;
  wide.number("lsn", 1'234'567).word("record", "requeued_for_ever");
  EXPECT_EQ(table_line(shape, wide), "1234567  requeued_for_ever  -     -\n");
}

}  // namespace
}  // namespace pawl_tests
