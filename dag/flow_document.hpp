// dag/flow_document.hpp - one document of a workflow: what stands above its steps.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "dag/document.hpp"
#include "dag/variables.hpp"
#include "dag/workflow.hpp"

namespace drover::dag {

// Values for parameters, as texts. Lists are JSON, or words with commas between.
using Given = std::map<std::string, std::string>;

struct FlowDocument {
  std::string origin;  // as messages call it
  std::string
      directory;  // of the names in it, relative to the first document; ends in '/' or empty
  DocValue root;
  Workflow head;                       // all but the steps
  std::vector<const DocValue*> steps;  // tables in `root`
  const DocValue* defaults = nullptr;  // a table in `root`
  Variables own;  // parameters and variables, without dates: for what must be known on submission
  std::string prefix;  // of its steps' names; empty: it is the first document

  // A text of a sub-workflow in the words of the document that runs it.
  Result<std::string> settled(const std::string& text) const;
};

struct DocumentPlace {
  std::string origin, directory;
  // The steps of a sub-workflow are called "prefix" + name, and its parameters and variables are
  // put into its texts at once; those of the first document stay for whoever runs it.
  std::string prefix;
};

// BadInput, with the line, for what is no workflow, an unknown key or parameter, a parameter that
// is missing or of another type.
Result<FlowDocument> open_flow(std::string_view text, const DocumentPlace& place,
                               const Given& given);

// The [[step]] tables of a document or of a group; `steps` is accepted for `step`.
Result<std::vector<const DocValue*>> step_tables(const std::string& origin, const DocValue& table);

// "data/a.csv" as the document in `directory` calls it, from the first document's place.
std::string joined_path(std::string_view directory, std::string_view name);
std::string directory_of(std::string_view path);

// The list that a text is: JSON, or words with commas between; BadInput for broken JSON.
Result<std::vector<std::string>> list_of(std::string_view text);

}  // namespace drover::dag
