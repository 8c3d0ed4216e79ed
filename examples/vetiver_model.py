"""Pin the model of a run with vetiver, and serve it. Not a medical device. It needs vetiver:

python vetiver_model.py runs/demo pins/demo                              # store it
PIN=pins/demo uvicorn vetiver_model:app                                  # serve it
curl localhost:8000/predict -d "[{\"image\": \"$(base64 -w0 film.png)\"}]" -H "Content-Type: application/json"
"""

import base64
import os
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pins
import vetiver
from fastapi import FastAPI, HTTPException
from vetiver.handlers.base import BaseHandler

import placa


class Handler(BaseHandler):  # type: ignore[misc]
    """Let vetiver predict images, which a request has as text in base64."""

    model_class = staticmethod(lambda: placa.Model)
    pip_name = "placa"

    def handler_predict(self, input_data: pd.DataFrame, check_prototype: bool) -> list[dict[str, Any]]:
        """Predict the images of a request."""
        images = [base64.b64decode(text) for text in input_data["image"]]
        predictions = self.model.predict(images, progress=False)
        if predictions.rejected:
            raise HTTPException(422, predictions.rejected[0][1])
        return predictions.table[["image_id", "finding", "probability", "class"]].to_dict("records")


def pin(run: str, place: Path) -> None:
    """Store the model of a run, with its thresholds, as a pin."""
    board = pins.board_folder(str(place.parent), allow_pickle_read=True)
    model = placa.load_model(run)
    described = f"Predicts {', '.join(model.findings)} on chest radiographs. Not a medical device."
    prototype = pd.DataFrame({"image": ["iVBORw0KGgo="]})
    vetiver.vetiver_pin_write(board, vetiver.VetiverModel(model, place.name, prototype, description=described))


def service(place: Path) -> FastAPI:
    """Return a web service for a pin."""
    board = pins.board_folder(str(place.parent), allow_pickle_read=True)
    return vetiver.VetiverAPI(vetiver.VetiverModel.from_pin(board, place.name)).app


if __name__ == "__main__":
    pin(sys.argv[1], Path(sys.argv[2]))
elif "PIN" in os.environ:
    app = service(Path(os.environ["PIN"]))
